extension RenderOptions {
    /// What is set, for people, in the words of the sweep file: `profile a1111, clip-skip 2, loras ink.safetensors:0.8`.
    ///
    /// Empty when nothing is set. Files show as they are named here, so options of a cell want ``named(_:)`` first.
    package var summary: String {
        let parts: [(key: Sweep.Key, value: String?)] = [
            (.profile, profile?.rawValue),
            (.vae, vae),
            (.loras, loras.map { $0.map(\.description).joined(separator: " + ") }),
            (.predictionType, predictionType?.rawValue),
            (.zeroTerminalSNR, zeroTerminalSNR.map { "\($0)" }),
            (.promptSyntax, promptSyntax?.rawValue),
            (.emphasis, emphasis?.rawValue),
            (.clipSkip, clipSkip.map { "\($0)" }),
            (.emptyNegative, emptyNegative?.rawValue),
            (.noiseSource, noiseSource?.rawValue),
            (.timestepSpacing, timestepSpacing?.rawValue),
            (.timestepRounding, timestepRounding?.rawValue),
            (.eta, eta?.canonicalText),
            (.guidanceRescale, guidanceRescale?.canonicalText),
            (.guidanceInterval, guidanceInterval?.description),
            (.pixelRounding, pixelRounding?.rawValue),
        ]
        return parts.compactMap { part in part.value.map { "\(part.key.rawValue) \($0)" } }.joined(separator: ", ")
    }
}

extension RenderOptions.LoRA: CustomStringConvertible {
    package var description: String { "\(file):\(weight.canonicalText)" }
}
