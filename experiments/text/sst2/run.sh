#!/usr/bin/env bash
# Pretrain on the sentences of SST-2, then the protocol table at 100 and at all labels.
#   LIT_PRETRAIN_DATA=... experiments/text/sst2/run.sh
set -eu
cd "$(dirname "$0")/../../.."
lit-pretrain fit --config experiments/text/sst2/pretrain.yaml --run_dir runs/sst2
lit-pretrain evaluate --config experiments/text/sst2/protocol.yaml --ckpt runs/sst2 --out runs/sst2_table
