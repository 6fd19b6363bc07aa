/// What the UNet is told of one text beside latents and time.
package struct Conditioning: Equatable, Sendable {
    /// `[token, channel]` in row-major order; with two encoders, their channels stand side by side.
    package var states: [Float]
    /// A multiple of the text encoders' length: 77.
    package var tokenCount: Int
    /// The whole text in one vector; empty for models without a projection.
    package var pooled: [Float]
    /// What Stable Diffusion XL is told of the picture's size; other models do not look at it.
    package var size: SizeCondition

    package init(
        states: [Float], tokenCount: Int, pooled: [Float] = [], size: SizeCondition = SizeCondition(width: 0, height: 0)
    ) {
        self.states = states
        self.tokenCount = tokenCount
        self.pooled = pooled
        self.size = size
    }

    /// Width of a token's encoding.
    package var channels: Int { tokenCount == 0 ? 0 : states.count / tokenCount }

    /// The same for a picture of that size.
    package func sized(_ size: SizeCondition) -> Conditioning {
        var copy = self
        copy.size = size
        return copy
    }

    /// Texts of one length: each is repeated until all are as long as their least common multiple.
    ///
    /// Attention weighs a repeated text as it weighs the text, so that the repetition changes nothing but rounding.
    static func evened(_ texts: [Conditioning]) -> [Conditioning] {
        let length = texts.reduce(1) { common, text in
            var (greater, less) = (common, max(text.tokenCount, 1))
            while less > 0 { (greater, less) = (less, greater % less) }
            return common / greater * max(text.tokenCount, 1)
        }
        return texts.map { text in
            guard text.tokenCount < length, text.tokenCount > 0 else { return text }
            var repeated = text
            repeated.states = Array(repeatElement(text.states, count: length / text.tokenCount).joined())
            repeated.tokenCount = length
            return repeated
        }
    }

    /// Zeros in the place of every number that came from the text.
    package var blanked: Conditioning {
        Conditioning(
            states: Array(repeating: 0, count: states.count), tokenCount: tokenCount,
            pooled: Array(repeating: 0, count: pooled.count), size: size)
    }
}
