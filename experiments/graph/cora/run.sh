#!/usr/bin/env bash
# Pretrain on Cora's whole graph with one objective, as a run with its probes and report; table.py makes the table of all.
#   LIT_PRETRAIN_DATA=... experiments/graph/cora/run.sh dgi
set -eu
cd "$(dirname "$0")/../../.."
here=experiments/graph/cora
lit-pretrain fit --config conf/graph/$1.yaml --config $here/data.yaml --config $here/$1.yaml --run_dir runs/cora/$1
