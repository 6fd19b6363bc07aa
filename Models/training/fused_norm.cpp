// Group normalisation with SiLU in one pass over memory, forward and backward, for bf16 activations in channels_last.
//
// torch's own kernels for this layout took 43% of the VAE's training time on two cores: they are not vectorised over
// channels. y = silu(z), z = gamma * (x - mean) / deviation + beta; mean and deviation over one group of one picture.

#include <torch/extension.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

inline float widen(uint16_t v) {
  uint32_t bits = static_cast<uint32_t>(v) << 16;
  float f;
  std::memcpy(&f, &bits, 4);
  return f;
}

inline uint16_t narrow(float f) {  // to nearest, ties to even
  uint32_t bits;
  std::memcpy(&bits, &f, 4);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

const uint16_t* bits(const at::Tensor& t) { return reinterpret_cast<const uint16_t*>(t.data_ptr<at::BFloat16>()); }
uint16_t* bits(at::Tensor& t) { return reinterpret_cast<uint16_t*>(t.data_ptr<at::BFloat16>()); }

}  // namespace

// x [N, C, H, W] bf16 channels_last; weight, bias [C] fp32. Returns y like x, and mean and 1/deviation [N, groups].
std::vector<at::Tensor> forward(at::Tensor x, at::Tensor weight, at::Tensor bias, int64_t groups, double eps,
                                bool silu) {
  const int64_t N = x.size(0), C = x.size(1), P = x.size(2) * x.size(3), K = C / groups;
  auto y = at::empty_like(x);
  auto mean = at::empty({N, groups}, weight.options()), rstd = at::empty({N, groups}, weight.options());
  const uint16_t* xs = bits(x);
  uint16_t* ys = bits(y);
  const float *gamma = weight.data_ptr<float>(), *beta = bias.data_ptr<float>();
  float *means = mean.data_ptr<float>(), *rstds = rstd.data_ptr<float>();
  at::parallel_for(0, N, 1, [&](int64_t begin, int64_t end) {
    std::vector<float> sum(C), square(C), scale(C), shift(C);
    float *s = sum.data(), *q = square.data(), *a = scale.data(), *b = shift.data();
    for (int64_t n = begin; n < end; ++n) {
      const uint16_t* xn = xs + n * P * C;
      uint16_t* yn = ys + n * P * C;
      std::fill(sum.begin(), sum.end(), 0.f);
      std::fill(square.begin(), square.end(), 0.f);
      for (int64_t p = 0; p < P; ++p)
        for (int64_t c = 0; c < C; ++c) {
          float v = widen(xn[p * C + c]);
          s[c] += v;
          q[c] += v * v;
        }
      for (int64_t g = 0; g < groups; ++g) {
        double m = 0, v = 0;
        for (int64_t c = g * K; c < (g + 1) * K; ++c) m += s[c], v += q[c];
        m /= P * K, v = v / (P * K) - m * m;
        const float r = 1 / std::sqrt(std::max(v, 0.0) + eps);
        means[n * groups + g] = m, rstds[n * groups + g] = r;
        for (int64_t c = g * K; c < (g + 1) * K; ++c) a[c] = gamma[c] * r, b[c] = beta[c] - m * gamma[c] * r;
      }
      for (int64_t p = 0; p < P; ++p)
#pragma omp simd
        for (int64_t c = 0; c < C; ++c) {
          float z = widen(xn[p * C + c]) * a[c] + b[c];
          yn[p * C + c] = narrow(silu ? z / (1 + std::exp(-z)) : z);
        }
    }
  });
  return {y, mean, rstd};
}

// The gradients of x, weight and bias from that of y.
std::vector<at::Tensor> backward(at::Tensor dy, at::Tensor x, at::Tensor weight, at::Tensor bias, at::Tensor mean,
                                 at::Tensor rstd, bool silu) {
  const int64_t N = x.size(0), C = x.size(1), P = x.size(2) * x.size(3), groups = mean.size(1), K = C / groups;
  auto dx = at::empty_like(x);
  auto dweight = at::zeros({N, C}, weight.options()), dbias = at::zeros({N, C}, weight.options());
  const uint16_t *xs = bits(x), *dys = bits(dy);
  uint16_t* dxs = bits(dx);
  const float *gamma = weight.data_ptr<float>(), *beta = bias.data_ptr<float>();
  const float *means = mean.data_ptr<float>(), *rstds = rstd.data_ptr<float>();
  float *dws = dweight.data_ptr<float>(), *dbs = dbias.data_ptr<float>();
  at::parallel_for(0, N, 1, [&](int64_t begin, int64_t end) {
    std::vector<float> scale(C), shift(C), flat(C), slope(C), weights(C), biases(C);
    std::vector<uint16_t> dzs(P * C);
    const float active = silu ? 1 : 0, plain = 1 - active;
    float *dw = weights.data(), *db = biases.data();
    float *r = scale.data(), *m = shift.data(), *f = flat.data(), *k = slope.data();
    uint16_t* dz = dzs.data();
    for (int64_t n = begin; n < end; ++n) {
      const uint16_t *xn = xs + n * P * C, *dyn = dys + n * P * C;
      uint16_t* dxn = dxs + n * P * C;
      std::fill(weights.begin(), weights.end(), 0.f);
      std::fill(biases.begin(), biases.end(), 0.f);
      for (int64_t c = 0; c < C; ++c) r[c] = rstds[n * groups + c / K], m[c] = -means[n * groups + c / K] * r[c];
      for (int64_t p = 0; p < P; ++p)
#pragma omp simd
        for (int64_t c = 0; c < C; ++c) {
          float h = widen(xn[p * C + c]) * r[c] + m[c], d = widen(dyn[p * C + c]);
          float z = h * gamma[c] + beta[c], e = 1 / (1 + std::exp(-z));
          d *= plain + active * e * (1 + z * (1 - e));
          dz[p * C + c] = narrow(d);
          dw[c] += d * h;
          db[c] += d;
        }
      for (int64_t g = 0; g < groups; ++g) {
        float a = 0, b = 0;
        for (int64_t c = g * K; c < (g + 1) * K; ++c) a += gamma[c] * db[c], b += gamma[c] * dw[c];
        for (int64_t c = g * K; c < (g + 1) * K; ++c) {  // dx = r * (gamma dz - a/M - h b/M), h = x r + m
          k[c] = -r[c] * r[c] * b / (P * K);
          f[c] = -r[c] * (a + m[c] * b) / (P * K);
        }
      }
      std::copy(weights.begin(), weights.end(), dws + n * C);
      std::copy(biases.begin(), biases.end(), dbs + n * C);
      for (int64_t p = 0; p < P; ++p)
#pragma omp simd
        for (int64_t c = 0; c < C; ++c)
          dxn[p * C + c] = narrow(widen(dz[p * C + c]) * gamma[c] * r[c] + widen(xn[p * C + c]) * k[c] + f[c]);
    }
  });
  return {dx, dweight.sum(0), dbias.sum(0)};
}

PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) {
  m.def("forward", &forward);
  m.def("backward", &backward);
}
