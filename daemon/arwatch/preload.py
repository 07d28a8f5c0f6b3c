"""What the fork server loads once, so that each worker it forks is warm at once; never imported elsewhere."""

from arwatch.processes import die_with_parent

die_with_parent()  # while this loads it would not notice that a command has ended early

from arwatch import pipeline  # noqa: E402

if pipeline.is_warm():  # compiling is a worker's work, which can be told of and waited for
    pipeline.warm_up()
