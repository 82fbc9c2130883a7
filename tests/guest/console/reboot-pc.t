# An older PC, whose registers are elsewhere, is restarted, too.

@machine pc
@console
  < login:
  > root
  < #
  > reboot
@restart
