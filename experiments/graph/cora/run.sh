#!/usr/bin/env bash
# Pretrain on Cora's whole graph, one objective; then the table of all.
#   LIT_PRETRAIN_DATA=... experiments/graph/cora/run.sh dgi
#   LIT_PRETRAIN_DATA=... experiments/graph/cora/run.sh table
set -eu
cd "$(dirname "$0")/../../.."
here=experiments/graph/cora
if [ "$1" = table ]; then
  lit-pretrain evaluate --config $here/protocol.yaml --out runs/cora_table --ckpt runs/cora/*
  exit
fi
lit-pretrain fit --config conf/graph/$1.yaml --config $here/data.yaml --config $here/$1.yaml --run_dir runs/cora/$1
