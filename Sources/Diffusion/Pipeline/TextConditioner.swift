/// The tokenizers and text encoders of a model: texts to what the UNet is told of them.
///
/// Belongs to one thread.
package final class TextConditioner {
    /// One for each text encoder.
    package let tokenizers: [CLIPTokenizer]
    /// How many channels of a token's encoding come from each encoder.
    let widths: [Int]
    private let encoders: [TextEncoder]
    private let device: any Device

    /// Opens the encoders' weights; they are read when the first text comes.
    ///
    /// - Throws: ``DiffusionError`` when files are missing, damaged or contradict each other.
    package init(model: any ModelFiles, device: any Device) throws {
        self.device = device
        tokenizers = try model.tokenizers()
        widths = model.config.textEncoders.map(\.hiddenSize)
        encoders = try zip(model.config.textEncoders, model.textEncoderWeights()).map { config, weights in
            try TextEncoder(config: config, weights: weights, device: device)
        }
    }

    /// Encodes texts as they are; what is longer than the encoders' length is cut.
    ///
    /// - Parameters:
    ///   - texts: What to encode.
    ///   - clipSkip: How many of the encoders' last layers to leave out, beyond what the model itself does.
    /// - Returns: A conditioning for each text.
    /// - Throws: ``DiffusionError`` when there are not so many layers, or memory runs out.
    package func callAsFunction(_ texts: [String], clipSkip: Int = 0) throws -> [Conditioning] {
        try encode(texts.map { text in tokenizers.map { $0.encode(text) } }, clipSkip: clipSkip)
    }

    /// Encodes tokens: for each text, one padded sequence for each encoder.
    ///
    /// - Throws: ``DiffusionError`` when memory runs out, or `clipSkip` leaves no layer.
    package func encode(_ texts: [[[Int32]]], clipSkip: Int = 0) throws -> [Conditioning] {
        guard !texts.isEmpty else { return [] }
        precondition(texts.allSatisfy { $0.count == encoders.count }, "one sequence for each encoder")
        let parts = try encoders.enumerated().map { index, encoder in
            let encoding = try encoder(texts.map { $0[index] }, clipSkip: clipSkip)
            return (
                values: try device.download(encoding.states), channels: encoding.states.channels,
                pooled: encoding.pooled
            )
        }
        let tokenCount = texts[0][0].count
        return texts.indices.map { text in
            var states: [Float] = []
            states.reserveCapacity(tokenCount * parts.reduce(0) { $0 + $1.channels })
            for token in 0..<tokenCount {
                for part in parts {
                    let start = (text * tokenCount + token) * part.channels
                    states += part.values[start..<start + part.channels]
                }
            }
            return Conditioning(
                states: states, tokenCount: tokenCount, pooled: parts.last?.pooled.dropFirst(text).first ?? [])
        }
    }
}
