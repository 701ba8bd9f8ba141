"""python -m gateway: the same as the command sms-gateway, for platforms without console scripts."""

from gateway.cli import main

main()
