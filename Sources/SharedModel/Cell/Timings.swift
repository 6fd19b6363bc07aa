/// Where the time of one image went, in seconds.
///
/// `encode`, `denoise` and `decode` are this image's share where cells were rendered together, so that the sum over a
/// sweep is the time that was spent. `upload` is measured by the coordinator, from the offer to the durable row.
package struct Timings: Codable, Hashable, Sendable {
    /// Text encoders.
    package var encode: Double
    /// UNet evaluations and sampler steps.
    package var denoise: Double
    /// VAE decoder and rounding to 8 bits.
    package var decode: Double
    /// PNG encoding and the write into the worker's spool.
    package var png: Double

    package init(encode: Double, denoise: Double, decode: Double, png: Double) {
        self.encode = encode
        self.denoise = denoise
        self.decode = decode
        self.png = png
    }
}
