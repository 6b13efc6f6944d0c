#!/usr/bin/env bash
# One method on one data set, about ten core-minutes on one thread (two run side by side on two cores); then the table of all.
# `resnet_settled` is the control: SimCLR at a learning rate of nearly 0, so that BatchNorm has seen data and nothing is learned.
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
name=$2 method=$2
case $1-$2 in
  fashion_mnist-mae) more="--config $here/fashion_mnist_mae.yaml --trainer.max_steps 2000" ;;
  fashion_mnist-simclr) more="--data.image_size 32 --trainer.max_steps 800" ;;
  fashion_mnist-dino) more="--data.image_size 32 --data.batch_size 128 --model.head.bottleneck 64 --optim.lr 1e-3
    --trainer.max_steps 775" ;;
  fashion_mnist-spark) more="--data.image_size 32 --data.batch_size 128 --trainer.max_steps 900" ;;
  fashion_mnist-resnet_settled) method=simclr more="--data.image_size 32 --trainer.max_steps 50 --optim.lr 1e-12" ;;
  hymenoptera-mae) more="--model.masking.ratio 0.75 --model.patch_size 8 --model.encoder.patch_size 8 --optim.lr 1e-3
    --trainer.max_steps 1900" ;;
  hymenoptera-simclr) more="--trainer.max_steps 720" ;;
  hymenoptera-dino) more="--trainer.max_steps 370" ;;
  hymenoptera-spark) more="--trainer.max_steps 490" ;;
  hymenoptera-resnet_settled) method=simclr more="--trainer.max_steps 50 --optim.lr 1e-12" ;;
esac
lit-pretrain fit --config conf/vision/$method.yaml --config $here/data/$data.yaml --config $here/trainer.yaml $more \
  --run_dir runs/five_minutes/$1/$name
