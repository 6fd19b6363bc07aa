#ifndef CPNG_SHIM_INTERNAL_H
#define CPNG_SHIM_INTERNAL_H

#include "include/CPNGShim.h"
#include <png.h>

/// Copies the message to the reason that was given as error pointer, then jumps.
PNG_NORETURN void cpng_fail(png_structp png, png_const_charp message);
/// Warnings are of no use to a program that treats what is wrong as an error.
void cpng_ignore(png_structp png, png_const_charp message);

#endif
