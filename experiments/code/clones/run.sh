#!/usr/bin/env bash
# One objective on the training programs of POJ-20, about five core-minutes; then the table of clones.
# METHOD.yaml, if there is one here, is laid over conf/code/METHOD.yaml.
#   LIT_PRETRAIN_DATA=... experiments/code/clones/run.sh contrabert --trainer.max_steps 900
#   LIT_PRETRAIN_DATA=... experiments/code/clones/run.sh table
set -eu
cd "$(dirname "$0")/../../.."
here=experiments/code/clones
export OMP_NUM_THREADS=1
if [ "$1" = table ]; then
  python $here/clones.py runs/clones/* > $here/clones.csv
  exit
fi
overlay=""
[ -e $here/$1.yaml ] && overlay="--config $here/$1.yaml"
lit-pretrain fit --config conf/code/$1.yaml --config $here/data/poj20.yaml --config $here/trainer.yaml $overlay \
  --run_dir runs/clones/$1 "${@:2}"
