// oneDNN's C API as Debian packages it (2.6: operation descriptors). A build against 3.x needs another set of calls;
// everything that touches these names stands in Sources/Diffusion/Device/OneDNN.
#include <oneapi/dnnl/dnnl.h>
