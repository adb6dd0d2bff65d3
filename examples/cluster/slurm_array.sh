#!/usr/bin/env bash
# A sweep as a SLURM job array: the tasks share a store and nothing else, so there is no scheduler to lose.
#
#   sbatch slurm_array.sh sweep.toml /shared/sweep.zarr
#   pkmodel sweep status /shared/sweep.zarr
#
# Submit it again, as it is, after tasks have failed or run out of time: what is done is left alone.
#SBATCH --job-name=pkmodel-sweep
#SBATCH --array=1-16
#SBATCH --cpus-per-task=4
#SBATCH --mem-per-cpu=2G
#SBATCH --time=01:00:00
set -euo pipefail

file=$1 store=$2

# Compiled kernels lie on the disk of the node: many tasks that compile into one shared folder wait for each other.
export NUMBA_CACHE_DIR="${TMPDIR:-/tmp}/numba-$SLURM_JOB_ID"
# The threads are those of --workers; nothing below them starts its own.
export NUMBA_NUM_THREADS=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

pkmodel warm
pkmodel sweep run "$file" --store "$store" --workers "${SLURM_CPUS_PER_TASK:-1}" \
    --part "$SLURM_ARRAY_TASK_ID" --of "$SLURM_ARRAY_TASK_COUNT"
