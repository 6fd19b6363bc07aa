package import Foundation

/// The resolved work behind one or more positions of the grid: everything that decides the pixels, and nothing else.
///
/// Two positions with equal cells are rendered once. What only people need (the raw prompt, the style's name) lives in
/// ``GrantedCell`` and in the positions, so that it cannot change a key.
package struct Cell: Hashable, Sendable {
    /// SHA-256 of the model's files, 64 lower-case hexadecimal digits.
    package var fingerprint: String
    /// Classifier-free guidance scale, an exact decimal as the sweep file wrote it (`5.5`, never `5.499999`).
    package var guidance: Decimal
    /// Height of the image in pixels, a multiple of 8.
    package var height: Int
    /// The composed negative prompt: the style's part first, then the user's.
    package var negativePrompt: String
    /// What is set beyond the common axes.
    package var options: RenderOptions
    /// The composed prompt: the style's template filled in.
    package var prompt: String
    package var sampler: SamplerName
    package var seed: UInt64
    /// Number of sampler steps, as a user counts them.
    package var steps: Int
    /// Width of the image in pixels, a multiple of 8.
    package var width: Int

    package init(
        fingerprint: String, guidance: Decimal, height: Int, negativePrompt: String, options: RenderOptions = .init(),
        prompt: String, sampler: SamplerName, seed: UInt64, steps: Int, width: Int
    ) {
        self.fingerprint = fingerprint
        self.guidance = guidance
        self.height = height
        self.negativePrompt = negativePrompt
        self.options = options
        self.prompt = prompt
        self.sampler = sampler
        self.seed = seed
        self.steps = steps
        self.width = width
    }
}

extension Cell {
    /// Whether everything but the guidance is equal, texts by their bytes.
    package func differsInGuidanceAlone(from other: Cell) -> Bool {
        steps == other.steps && width == other.width && height == other.height && seed == other.seed
            && sampler == other.sampler && fingerprint.hasSameBytes(as: other.fingerprint)
            && prompt.hasSameBytes(as: other.prompt) && negativePrompt.hasSameBytes(as: other.negativePrompt)
            && options == other.options
    }
}

extension Cell: Codable {
    private enum CodingKeys: String, CodingKey {
        case fingerprint, guidance, height, negativePrompt, options, prompt, sampler, seed, steps, width
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        fingerprint = try container.decode(String.self, forKey: .fingerprint)
        guidance = try container.decode(Decimal.self, forKey: .guidance)
        height = try container.decode(Int.self, forKey: .height)
        negativePrompt = try container.decode(String.self, forKey: .negativePrompt)
        options = try container.decodeIfPresent(RenderOptions.self, forKey: .options) ?? RenderOptions()
        prompt = try container.decode(String.self, forKey: .prompt)
        sampler = try container.decode(SamplerName.self, forKey: .sampler)
        seed = try container.decode(UInt64.self, forKey: .seed)
        steps = try container.decode(Int.self, forKey: .steps)
        width = try container.decode(Int.self, forKey: .width)
    }

    /// Options that are not set leave no trace: the JSON, and with it the key, of a plain cell never changes.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(fingerprint, forKey: .fingerprint)
        try container.encode(guidance, forKey: .guidance)
        try container.encode(height, forKey: .height)
        try container.encode(negativePrompt, forKey: .negativePrompt)
        if !options.isDefault { try container.encode(options, forKey: .options) }
        try container.encode(prompt, forKey: .prompt)
        try container.encode(sampler, forKey: .sampler)
        try container.encode(seed, forKey: .seed)
        try container.encode(steps, forKey: .steps)
        try container.encode(width, forKey: .width)
    }
}
