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
        let options = cell.options
        let settings: [(name: String, value: String)] = [
            ("Steps", "\(cell.steps)"),
            ("Sampler", cell.sampler.a1111Name),
            ("Schedule type", cell.sampler.a1111Schedule),
            ("CFG scale", cell.guidance.canonicalText),
            ("Seed", "\(cell.seed)"),
            ("Size", "\(cell.width)x\(cell.height)"),
            ("Model hash", String(cell.fingerprint.prefix(10))),
            ("Model", Self.fileName(axes.model)),
            ("VAE hash", options.vae.map { String($0.prefix(10)) } ?? ""),
            ("VAE", options.vae.flatMap { files?[$0] }.map(Self.fileName) ?? ""),
            ("Clip skip", options.clipSkip.map { "\($0)" } ?? ""),
            ("Eta", options.eta?.canonicalText ?? ""),
            // Without it the noise is taken to come from a GPU's generator, which draws other numbers.
            ("RNG", (options.noiseSource ?? options.profile?.noiseSource ?? .torchCPU).a1111Name),
            ("Lora hashes", loraHashes),
            ("Options", options.named(files ?? [:]).summary),
            ("Style", axes.style),
            ("Raw prompt", axes.prompt),
            ("Raw negative prompt", axes.negativePrompt),
            ("Version", program),
        ]
        return settings.filter { !$0.value.isEmpty }
    }

    /// `name: hash` of each LoRA, as A1111 lists them.
    private var loraHashes: String {
        (cell.options.loras ?? []).map { lora in
            "\(Self.fileName(files?[lora.file] ?? "")): \(lora.file.prefix(12))"
        }.joined(separator: ", ")
    }

    private static func fileName(_ path: String) -> String {
        URL(fileURLWithPath: path).lastPathComponent
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
    /// The sampler in A1111's words; where it has none, diffusers'.
    fileprivate var a1111Name: String {
        switch method {
        case .ddim: "DDIM"
        case .euler: "Euler"
        case .eulerAncestral: "Euler a"
        case .heun: "Heun"
        case .lms: "LMS"
        case .dpm2: "DPM2"
        case .dpm2Ancestral: "DPM2 a"
        case .dpmpp2m: "DPM++ 2M"
        case .dpmpp2mSDE: "DPM++ 2M SDE"
        case .dpmppSDE: "DPM++ SDE"
        case .dpmpp3mSDE: "DPM++ 3M SDE"
        case .unipc: "UniPC"
        case .pndm: "PLMS"
        case .lcm: "LCM"
        case .tcd: "TCD"
        }
    }

    /// The schedule in A1111's words; empty where the sampler's own is meant.
    fileprivate var a1111Schedule: String {
        switch schedule {
        case .normal: "Uniform"
        case .karras: "Karras"
        case .exponential: "Exponential"
        case .sgmUniform: "SGM Uniform"
        case .simple: "Simple"
        case .beta: "Beta"
        case .ays: "Align Your Steps"
        case nil:
            // There, these would be taken to mean Karras' or exponential levels.
            switch method {
            case .dpm2, .dpm2Ancestral, .dpmpp2m, .dpmpp2mSDE, .dpmppSDE, .dpmpp3mSDE: "Uniform"
            case .ddim, .euler, .eulerAncestral, .heun, .lms, .unipc, .pndm, .lcm, .tcd: ""
            }
        }
    }
}

extension NoiseSource {
    /// The generator in A1111's words: its "NV" draws on a CPU what CUDA would.
    fileprivate var a1111Name: String {
        switch self {
        case .torchCPU: "CPU"
        case .philox: "NV"
        }
    }
}
