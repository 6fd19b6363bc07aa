package import Foundation

/// Everything beyond the common axes that decides a cell's pixels; `nil` stands for what the profile or the model says.
///
/// Files are named by what they are called in a sweep, and by their content in a ``Cell``; see ``resolved(_:)``.
package struct RenderOptions: Codable, Hashable, Sendable {
    /// A LoRA that is merged into the model.
    package struct LoRA: Codable, Hashable, Sendable {
        /// In a sweep the name or path as its author wrote it, in a cell 64 hexadecimal digits of SHA-256.
        package var file: String
        package var weight: Decimal

        package init(file: String, weight: Decimal) {
            self.file = file
            self.weight = weight
        }
    }

    /// Layers of the text encoder to count from the end, as A1111 does: 1 takes the last one.
    package var clipSkip: Int?
    package var emphasis: Emphasis?
    package var emptyNegative: EmptyNegative?
    /// How much fresh noise a sampler that adds some adds, from 0 to 1.
    package var eta: Decimal?
    /// The noise levels that guidance acts at; without it, all.
    package var guidanceInterval: GuidanceInterval?
    /// How far the guided prediction's contrast is brought back to the unguided one's, from 0 to 1:
    /// <https://arxiv.org/abs/2305.08891>, section 3.4.
    package var guidanceRescale: Decimal?
    /// Merged in this order; `nil` for none.
    package var loras: [LoRA]?
    package var noiseSource: NoiseSource?
    package var pixelRounding: PixelRounding?
    package var predictionType: PredictionType?
    package var profile: RenderProfile?
    package var promptSyntax: PromptSyntax?
    package var timestepRounding: TimestepRounding?
    package var timestepSpacing: TimestepSpacing?
    /// Another VAE than the model's, named as ``LoRA/file`` is.
    package var vae: String?
    /// Whether the noise levels are stretched to end in pure noise: <https://arxiv.org/abs/2305.08891>, section 3.1.
    package var zeroTerminalSNR: Bool?

    package init() {}

    package static let clipSkipBounds = 1...24
    package static let weightBounds = -100...100
    package static let maximumLoRAs = 16
}

extension RenderOptions {
    package var isDefault: Bool { self == RenderOptions() }

    /// The options with files named by their content, and without what changes nothing beside this sampler.
    ///
    /// Whoever writes a default out gets the cell, and so the image, of who leaves it out.
    ///
    /// - Parameters:
    ///   - sampler: What the options are used with.
    ///   - fingerprint: Gives the SHA-256 of a LoRA or VAE by its name.
    /// - Returns: The options, and the names of their files by fingerprint.
    package func resolved(
        for sampler: SamplerName, fingerprint: (_ file: String, _ kind: ModelKind) throws -> String
    ) rethrows -> (options: RenderOptions, files: [String: String]) {
        var options = self
        var files: [String: String] = [:]
        func content(of file: String, _ kind: ModelKind) throws -> String {
            let content = try fingerprint(file, kind)
            files[content] = file
            return content
        }
        let profile = profile ?? .diffusers
        let syntax = promptSyntax ?? profile.promptSyntax
        if profile == .diffusers { options.profile = nil }
        if syntax == profile.promptSyntax { options.promptSyntax = nil }
        // Plain prompts have no weights.
        if emphasis == syntax.emphasis || syntax == .plain { options.emphasis = nil }
        if emptyNegative == profile.emptyNegative { options.emptyNegative = nil }
        if noiseSource == profile.noiseSource { options.noiseSource = nil }
        if pixelRounding == profile.pixelRounding { options.pixelRounding = nil }
        if timestepRounding == profile.timestepRounding { options.timestepRounding = nil }
        if timestepSpacing == profile.timestepSpacing { options.timestepSpacing = nil }
        if guidanceRescale == 0 { options.guidanceRescale = nil }
        let defaultEta = sampler.method.defaultEta
        if defaultEta == nil || eta == defaultEta { options.eta = nil }
        options.loras = try loras?.map { LoRA(file: try content(of: $0.file, .lora), weight: $0.weight) }
        if options.loras?.isEmpty == true { options.loras = nil }
        options.vae = try vae.map { try content(of: $0, .vae) }
        return (options, files)
    }
}

extension RenderOptions {
    /// The options of a cell with its files named as the sweep names them.
    package func named(_ files: [String: String]) -> RenderOptions {
        var options = self
        options.loras = loras?.map { LoRA(file: files[$0.file] ?? $0.file, weight: $0.weight) }
        options.vae = vae.map { files[$0] ?? $0 }
        return options
    }
}

/// What kind of file a name in a sweep stands for.
package enum ModelKind: Sendable {
    case model
    case lora
    case vae
    case preview
}
