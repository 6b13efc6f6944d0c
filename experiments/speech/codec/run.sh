#!/usr/bin/env bash
# A codec of eight stages on spoken digits, some core-minutes on one thread; then it prints the SI-SDR of the test recordings in
# dB by the number of stages that are decoded.
#   LIT_PRETRAIN_DATA=... experiments/speech/codec/run.sh funcodec
set -eu
cd "$(dirname "$0")/../../.."
here=experiments/speech/codec
export OMP_NUM_THREADS=1
options="--config conf/speech/$1.yaml --config $here/data.yaml --config $here/trainer.yaml --run_dir runs/codec/$1"
lit-pretrain fit $options
lit-pretrain test $options
