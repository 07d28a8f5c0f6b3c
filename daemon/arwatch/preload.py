"""What the fork server loads once, so that each worker it forks is warm at once; never imported elsewhere."""

from arwatch import pipeline

if pipeline.is_warm():  # compiling is a worker's work, which can be told of and waited for
    pipeline.warm_up()
