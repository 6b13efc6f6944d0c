#!/usr/bin/env bash
# One method on one data set, ten core-minutes on one thread (two run side by side on two cores); then the table of all.
#   LIT_PRETRAIN_DATA=... experiments/vision/five_minutes/run.sh fashion_mnist simclr
#   LIT_PRETRAIN_DATA=... experiments/vision/five_minutes/run.sh hymenoptera mae
#   LIT_PRETRAIN_DATA=... experiments/vision/five_minutes/run.sh table
set -eu
cd "$(dirname "$0")/../../.."
here=experiments/vision/five_minutes
export OMP_NUM_THREADS=1
if [ "$1" = table ]; then
  lit-pretrain evaluate --config $here/protocol.yaml --labels 200 all --out runs/five_minutes/fashion_mnist_table \
    --ckpt runs/five_minutes/fashion_mnist/*
  lit-pretrain evaluate --config $here/protocol.yaml --labels 4 all --out runs/five_minutes/hymenoptera_table \
    --ckpt runs/five_minutes/hymenoptera/*
  exit
fi
case $1-$2 in
  *-mae) data=$1 ;;
  *-spark) data=$1 ;;
  *-dino) data=$1_multi_crop ;;
  *) data=$1_two_views ;;
esac
case $1-$2 in
  fashion_mnist-mae) more="--model.masking.ratio 0.75 --optim.lr 1e-3 --trainer.max_steps 600" ;;
  fashion_mnist-dino) more="--data.image_size 32 --trainer.max_steps 400" ;;
  fashion_mnist-*) more="--data.image_size 32 --trainer.max_steps 600" ;;
  hymenoptera-mae) more="--model.masking.ratio 0.75 --model.patch_size 8 --model.encoder.patch_size 8 --trainer.max_steps 800" ;;
  hymenoptera-*) more="--trainer.max_steps 400" ;;
esac
lit-pretrain fit --config conf/vision/$2.yaml --config $here/data/$data.yaml --config $here/trainer.yaml $more \
  --run_dir runs/five_minutes/$1/$2
