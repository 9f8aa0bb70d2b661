"""The command line: everything that the pages do, for scripts and terminals.

Each module adds its commands to the parser and answers them. A command is a
function that takes the service and the parsed arguments and returns an
:class:`~facenet_core.cli.output.Answer`; ``main`` prints it.
"""
