import Foundation

extension ImageMetadata {
    /// Keyword of the PNG text chunk with ``parameters``.
    package static let parametersKeyword = "parameters"

    /// The text that A1111's web UI writes into its images, and that many programs read.
    ///
    ///     prompt, over as many lines as it has
    ///     Negative prompt: …
    ///     Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7.5, Seed: 42, …
    ///
    /// Prompts are those that the model saw, the style applied. The rules are those of its reader: all settings on the
    /// last line, at least three of them; values with a comma, a colon or a line feed as JSON strings. What that reader
    /// cannot give back, ``json()`` can: blanks around the lines of a prompt, a prompt with a line that begins with
    /// `Negative prompt:`, and a value such as `3x4`, which it takes for a size.
    package var parameters: String {
        var lines: [String] = []
        if !cell.prompt.isEmpty { lines.append(cell.prompt) }
        if !cell.negativePrompt.isEmpty { lines.append("Negative prompt: \(cell.negativePrompt)") }
        lines.append(settings.map { "\($0.name): \(Self.quote($0.value))" }.joined(separator: ", "))
        return lines.joined(separator: "\n")
    }

    /// The settings in A1111's order, its own first; those with nothing to say are left out.
    private var settings: [(name: String, value: String)] {
        let settings = [
            ("Steps", "\(cell.steps)"),
            ("Sampler", cell.sampler.a1111Name),
            ("Schedule type", cell.sampler.a1111Schedule),
            ("CFG scale", cell.guidance.canonicalText),
            ("Seed", "\(cell.seed)"),
            ("Size", "\(cell.width)x\(cell.height)"),
            ("Model hash", String(cell.fingerprint.prefix(10))),
            ("Model", URL(fileURLWithPath: axes.model).lastPathComponent),
            // Without it the noise is taken to come from a GPU's generator, which draws other numbers.
            ("RNG", "CPU"),
            ("Style", axes.style),
            ("Raw prompt", axes.prompt),
            ("Raw negative prompt", axes.negativePrompt),
            ("Version", program),
        ]
        return settings.filter { !$0.1.isEmpty }
    }

    /// The value as it is, or as a JSON string where the reader would cut it, trim it or take its quotes off.
    private static func quote(_ value: String) -> String {
        let isSafe =
            !value.contains { $0 == "," || $0 == ":" || $0.isNewline } && !value.hasPrefix("\"")
            && value.first?.isWhitespace == false && value.last?.isWhitespace == false
        if isSafe { return value }
        var quoted: [UInt8] = []
        quoted.appendJSONString(value)
        return String(decoding: quoted, as: UTF8.self)
    }
}

extension SamplerName {
    /// The sampler in A1111's words.
    fileprivate var a1111Name: String {
        switch self {
        case .ddim: "DDIM"
        case .dpmpp2m, .dpmpp2mKarras: "DPM++ 2M"
        case .euler: "Euler"
        case .eulerAncestral: "Euler a"
        }
    }

    /// The schedule in A1111's words; empty where the sampler's own is meant, which for DPM++ 2M would be Karras.
    fileprivate var a1111Schedule: String {
        switch self {
        case .dpmpp2m: "Uniform"
        case .dpmpp2mKarras: "Karras"
        case .ddim, .euler, .eulerAncestral: ""
        }
    }
}
