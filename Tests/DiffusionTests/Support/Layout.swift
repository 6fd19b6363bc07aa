/// torch's `[batch, channel, height, width]` as this module's `[batch, height, width, channel]`, and back.
enum Layout {
    static func channelsLast(_ values: [Float], _ shape: [Int]) -> [Float] {
        let (batch, channels, pixels) = (shape[0], shape[1], shape[2] * shape[3])
        return (0..<batch).flatMap { image in
            (0..<pixels).flatMap { pixel in
                (0..<channels).map { values[(image * channels + $0) * pixels + pixel] }
            }
        }
    }

    static func channelsFirst(_ values: [Float], _ shape: [Int]) -> [Float] {
        let (batch, channels, pixels) = (shape[0], shape[3], shape[1] * shape[2])
        return (0..<batch).flatMap { image in
            (0..<channels).flatMap { channel in
                (0..<pixels).map { values[(image * pixels + $0) * channels + channel] }
            }
        }
    }
}
