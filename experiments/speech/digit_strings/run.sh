#!/usr/bin/env bash
# Recognise strings of digits with CTC, a token-and-duration transducer or a plain transducer: train, then read the test strings.
# The plain transducer starts from the encoder of CTC.
#   LIT_PRETRAIN_DATA=... experiments/speech/digit_strings/run.sh ctc
#   LIT_PRETRAIN_DATA=... experiments/speech/digit_strings/run.sh tdt
#   LIT_PRETRAIN_DATA=... experiments/speech/digit_strings/run.sh transducer
set -eu
cd "$(dirname "$0")/../../.."
here=experiments/speech/digit_strings
options="--config conf/downstream/$1.yaml --config $here/data.yaml --config $here/$1.yaml --run_dir runs/digit_strings/$1"
lit-pretrain fit $options
lit-pretrain test $options
