# Too little memory is told of on the screen.

@board pc99
@machine cd
@memory 48M
@ramdisk
@screen
  < there is too little memory
