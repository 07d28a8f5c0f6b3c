"""What the fork server loads once, so that each worker it forks is warm at once; never imported elsewhere."""

from arwatch.platform.processes import die_with_parent

die_with_parent()  # while this loads it would not notice that a command has ended early

from arwatch.process import run  # noqa: E402

if run.is_warm():  # compiling is a worker's work, which can be told of and waited for
    run.warm_up()
