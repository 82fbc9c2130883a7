# A person restarts the system.

@console
  < login:
  > root
  < #
  > reboot
@restart
