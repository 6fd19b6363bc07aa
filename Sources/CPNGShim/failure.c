#include "shim.h"
#include <string.h>

void cpng_fail(png_structp png, png_const_charp message) {
    char *reason = png_get_error_ptr(png);
    strncpy(reason, message, CPNG_REASON_BYTES - 1);
    reason[CPNG_REASON_BYTES - 1] = 0;
    png_longjmp(png, 1);
}

void cpng_ignore(png_structp png, png_const_charp message) {
    (void)png;
    (void)message;
}
