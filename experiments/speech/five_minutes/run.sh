#!/usr/bin/env bash
# One objective on FSDD and YESNO, some core-minutes on one thread; then the table of digits of a speaker that no one heard.
# METHOD.yaml is laid over conf/speech/METHOD.yaml: a Conformer on log-mels, and for Audio-MAE smaller patches. tera_transformer,
# wav2vec2_waveform and audio_mae_large_patches are the configurations of conf/speech as they are. `settled` is the control:
# HuBERT at a learning rate of nearly 0, so that BatchNorm has heard the data and nothing is learned.
#   LIT_PRETRAIN_DATA=... experiments/speech/five_minutes/run.sh hubert
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
method=$1 overlay="--config $here/$1.yaml"
case $1 in
  hubert | speech2c) more="--trainer.max_steps 500" ;;
  tera) more="--trainer.max_steps 600" ;;
  speech_wav2vec2) more="--trainer.max_steps 1000" ;;
  settled) method=hubert overlay="--config $here/hubert.yaml" more="--trainer.max_steps 50 --optim.lr 1e-12" ;;
  audio_mae) more="--trainer.max_steps 2500" ;;
  mp3) overlay="" more="--model.num_positions 50 --optim.lr 3e-4 --trainer.max_steps 2000" ;;
  audio_mae_large_patches) method=audio_mae overlay="" more="--trainer.max_steps 600" ;;
  tera_transformer) method=tera overlay="" more="--trainer.max_steps 500" ;;
  wav2vec2_waveform) method=speech_wav2vec2 overlay="" more="--trainer.max_steps 500" ;;
esac
case $method in
  hubert | speech2c)
    lit-pretrain units --data $here/data/mixture.yaml --features mfcc --clusters 50 --out runs/units_mfcc ;;
esac
config=conf/speech/$method.yaml
[ "$method" = mp3 ] && config=conf/any/masked_position_prediction_frames.yaml
lit-pretrain fit --config $config --config $here/data/mixture.yaml --config $here/trainer.yaml $overlay $more \
  --run_dir runs/speech/$1
