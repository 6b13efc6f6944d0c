#!/usr/bin/env bash
# One objective on FSDD and YESNO, some core-minutes on one thread; then the table of digits of a speaker that no one heard.
#   LIT_PRETRAIN_DATA=... experiments/speech/five_minutes/run.sh tera
#   LIT_PRETRAIN_DATA=... experiments/speech/five_minutes/run.sh table
set -eu
cd "$(dirname "$0")/../../.."
here=experiments/speech/five_minutes
export OMP_NUM_THREADS=1
if [ "$1" = table ]; then
  python $here/log_mel.py
  lit-pretrain evaluate --config $here/protocol.yaml --data $here/data/fsdd.yaml --out runs/speech_digits --ckpt runs/speech/*
  exit
fi
case $1 in
  tera | speech_wav2vec2) more="--trainer.max_steps 500" ;;
  audio_mae) more="--trainer.max_steps 600" ;;
  hubert)
    lit-pretrain units --data $here/data/mixture.yaml --features mfcc --clusters 50 --out runs/units_mfcc
    more="--data.units runs/units_mfcc --model.head.vocab_size 50 --trainer.max_steps 400" ;;
esac
lit-pretrain fit --config conf/speech/$1.yaml --config $here/data/mixture.yaml --config $here/trainer.yaml $more \
  --run_dir runs/speech/$1
