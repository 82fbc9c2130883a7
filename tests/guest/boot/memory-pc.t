# A PC with too little memory says so.

@board pc99
@memory 16M
@console
  < there is too little memory
