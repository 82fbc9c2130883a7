# A boot image that is not as it was made says so.

@damaged
@console
  < damaged
