#!/usr/bin/env bash
# Six objectives, five minutes each on two cores; then all of the held-out text, once.
#   LIT_PRETRAIN_DATA=... experiments/text/books/run.sh [METHOD STEPS]...
set -eu
cd "$(dirname "$0")/../../.."
[ $# -gt 0 ] || set -- clm 900 mlm 900 mae_lm 700 electra 600 span_corruption 400 condenser 320
while [ $# -gt 0 ]; do
  run="runs/books/$1"
  what="--config conf/text/$1.yaml --config experiments/text/books/data.yaml --run_dir $run"
  lit-pretrain fit $what --trainer.max_steps "$2"
  lit-pretrain validate $what --trainer.limit_val_batches 1.0
  shift 2
done
