# An older PC, whose registers are elsewhere, is switched off, too.

@machine pc
@console
  < login:
  > root
  < #
  > halt
@halt
