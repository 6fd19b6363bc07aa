import Foundation

extension Sweep {
    /// The keys of a sweep file.
    enum Key: String, CaseIterable {
        case name
        case model
        case seed
        case sampler
        case steps
        case size
        case negativePrompt = "negative-prompt"
        case prompts
        case styles
        case styleFiles = "style-files"
        case guidance
        case shardSize = "shard-size"
        case profile
        case promptSyntax = "prompt-syntax"
        case emphasis
        case clipSkip = "clip-skip"
        case schedule
        case timestepSpacing = "timestep-spacing"
        case timestepRounding = "timestep-rounding"
        case eta
        case predictionType = "prediction-type"
        case zeroTerminalSNR = "zero-terminal-snr"
        case guidanceRescale = "guidance-rescale"
        case guidanceInterval = "guidance-interval"
        case emptyNegative = "empty-negative"
        case loras
        case vae
        case preview
        case noiseSource = "noise-source"
        case pixelRounding = "pixel-rounding"
    }

    /// Reads and checks a sweep file and the style files that it names.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - original: The path that it is a copy of: what it names by relative paths is looked for there.
    /// - Throws: The first thing that is wrong, with its line.
    package init(contentsOf path: String, copiedFrom original: String? = nil) throws(SharedModelError) {
        let bytes: [UInt8]
        do {
            bytes = try FileReader.contents(of: path, limit: Self.maximumFileBytes)
        } catch let error as SharedModelError {
            throw error
        } catch {
            throw .unreadable(path: path, reason: "\(error)")
        }
        try self.init(yaml: bytes, file: path, copiedFrom: original)
    }

    /// Reads and checks the text of a sweep file.
    ///
    /// - Parameters:
    ///   - bytes: The file's content.
    ///   - file: The file's path: errors name it.
    ///   - original: The path that it is a copy of, or `nil`: style files are found relative to its folder, and its name
    ///     without extension names a sweep that gives itself no name.
    /// - Throws: The first thing that is wrong, with its line.
    package init(yaml bytes: [UInt8], file: String, copiedFrom original: String? = nil) throws(SharedModelError) {
        let origin = URL(fileURLWithPath: original ?? file)
        let reader = SweepReader(
            document: try SweepDocument(bytes: bytes, file: file), folder: origin.deletingLastPathComponent())
        let stem = origin.deletingPathExtension().lastPathComponent
        self.init(
            name: try reader.name() ?? stem,
            source: reader.document.text,
            models: try reader.models(),
            options: try reader.options(),
            sizes: try reader.sizes(),
            samplers: try reader.samplers() ?? [Self.defaultSampler],
            steps: try reader.steps() ?? [Self.defaultSteps],
            seeds: try reader.seeds() ?? [Self.defaultSeed],
            negativePrompts: try reader.negativePrompts() ?? [""],
            prompts: try reader.prompts(),
            styles: try reader.styles() ?? [.none],
            guidance: try reader.guidance() ?? [Self.defaultGuidance],
            shardSize: try reader.shardSize() ?? Self.defaultShardSize,
            preview: try reader.preview()
        )
        do throws(SweepProblem) {
            _ = try positionCount()
        } catch {
            throw .sweep(file: file, line: nil, problem: error)
        }
    }
}
