/// The size of one cell's latents, which samplers and random numbers see as `[channel, height, width]`, as torch does, and
/// the networks as `[height, width, channel]`.
struct LatentShape: Equatable, Sendable {
    var channels: Int
    var height: Int
    var width: Int

    var count: Int { channels * height * width }

    /// `[channel, height, width]` to `[height, width, channel]`, times `scale`.
    func channelsLast(_ values: [Float], scale: Float = 1) -> [Float] {
        let pixels = height * width
        return [Float](unsafeUninitializedCapacity: count) { result, filled in
            for channel in 0..<channels {
                for pixel in 0..<pixels {
                    result.initializeElement(
                        at: pixel * channels + channel, to: values[channel * pixels + pixel] * scale)
                }
            }
            filled = count
        }
    }

    /// `[height, width, channel]` to `[channel, height, width]`.
    func channelsFirst(_ values: ArraySlice<Float>) -> [Float] {
        let pixels = height * width
        return [Float](unsafeUninitializedCapacity: count) { result, filled in
            for channel in 0..<channels {
                for pixel in 0..<pixels {
                    result.initializeElement(
                        at: channel * pixels + pixel, to: values[values.startIndex + pixel * channels + channel])
                }
            }
            filled = count
        }
    }
}

extension Duration {
    /// The duration in seconds.
    var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }
}
