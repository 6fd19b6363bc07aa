extension Sweep {
    /// Works the grid out: positions, distinct cells and shards.
    ///
    /// Grid order is model, options, size, sampler, steps, seed, negative prompt, prompt, style, guidance, the last one fastest.
    /// Cells stand in the order of their first position. Shards are explained at ``ShardOrder``.
    ///
    /// - Parameters:
    ///   - files: Gives the fingerprint of a LoRA's, VAE's or preview decoder's content; called once a name and kind.
    ///   - fingerprints: The same for models; called once a model.
    /// - Returns: The plan; the same sweep and the same fingerprints give the same plan on every host.
    /// - Throws: What `fingerprints` throws, and ``SharedModelError/sweep(file:line:problem:)`` for a grid that is too
    ///   large or whose composed texts are too long.
    package func plan(
        files: (_ name: String, _ kind: ModelKind) throws -> String = { name, _ in
            throw SharedModelError.modelNotFound(name: name, places: [])
        },
        fingerprints: (_ model: String) throws -> String
    ) throws -> SweepPlan {
        do throws(SweepProblem) {
            _ = try positionCount()
        } catch {
            throw SharedModelError.sweep(file: name, line: nil, problem: error)
        }
        let (settings, texts) = (try settings(fingerprints, files), try texts())
        let grid = PlannedGrid(
            settings: settings, texts: texts, guidance: guidance,
            shardSize: granted(longest: Self.longestGrantedCell(settings, texts)))
        var plan = SweepPlan(
            name: name, source: source, positions: grid.positions, cells: grid.cells, shards: grid.shards)
        plan.preview = try preview.map { PreviewFile(name: $0, fingerprint: try files($0, .preview)) }
        return plan
    }

    /// The sweep's shard size, or less where long texts would make a grant outgrow a frame of the wire.
    private func granted(longest: Int) -> Int {
        let room = WireLimits.controlFrameBytes - 32 * 1024
        return max(1, min(shardSize, WireLimits.grantedCells, room / max(longest, 1)))
    }

    /// An upper bound of the bytes that a cell takes in a grant.
    private static func longestGrantedCell(_ settings: [GridSetting], _ texts: [GridText]) -> Int {
        // JSON writes a byte as two at most (control characters other than \n and \t are refused earlier). A grant
        // repeats the texts for every cell; 1 KiB stands for the keys, numbers and hexadecimal digits around them, and
        // 32 KiB for the grant's own fields.
        let longest = texts.reduce(0) { longest, text in
            let lengths = [
                text.prompt, text.negativePrompt, text.style, text.composedPrompt, text.composedNegativePrompt,
            ].map(\.utf8.count)
            return max(longest, 2 * lengths.reduce(0, +) + 1024)
        }
        let options = settings.reduce(0) { longest, setting in
            max(longest, setting.key.options.canonicalJSON.count + GrantedCell.wireBytes(ofFiles: setting.files))
        }
        return longest + options
    }

    /// Everything of a position but texts and guidance, in grid order.
    private func settings(
        _ fingerprints: (String) throws -> String, _ files: (String, ModelKind) throws -> String
    ) throws -> [GridSetting] {
        var settings: [GridSetting] = []
        var known: [String: String] = [:]
        func fingerprint(_ name: String, _ kind: ModelKind) throws -> String {
            // A LoRA and a VAE of one name are one file.
            if let found = known[name] { return found }
            let found = try files(name, kind)
            known[name] = found
            return found
        }
        for model in models {
            let modelFingerprint =
                try settings.first { $0.model == model }?.key.fingerprint ?? fingerprints(model)
            for options in options {
                // The resolved options depend on a sampler's method alone.
                let resolved = try samplers.map { try options.resolved(for: $0, fingerprint: fingerprint) }
                for size in sizes {
                    for (sampler, resolved) in zip(samplers, resolved) {
                        for steps in steps {
                            for seed in seeds {
                                settings.append(
                                    GridSetting(
                                        model: model, files: resolved.files,
                                        key: .init(
                                            fingerprint: modelFingerprint, options: resolved.options, size: size,
                                            sampler: sampler, steps: steps, seed: seed)))
                            }
                        }
                    }
                }
            }
        }
        return settings
    }

    /// Every combination of negative prompt, prompt and style, in grid order.
    private func texts() throws -> [GridText] {
        var texts: [GridText] = []
        texts.reserveCapacity(negativePrompts.count * prompts.count * styles.count)
        for negativePrompt in negativePrompts {
            for prompt in prompts {
                for style in styles {
                    let text = GridText(prompt: prompt, negativePrompt: negativePrompt, style: style)
                    let longest = max(text.composedPrompt.utf8.count, text.composedNegativePrompt.utf8.count)
                    guard longest <= Self.maximumTextBytes else {
                        throw SharedModelError.sweep(
                            file: name, line: nil,
                            problem: .textTooLong(
                                key: "styles", bytes: longest, limit: Self.maximumTextBytes))
                    }
                    texts.append(text)
                }
            }
        }
        return texts
    }
}

/// The part of a position that is neither text nor guidance.
struct GridSetting: Sendable {
    /// The name as the sweep has it.
    let model: String
    /// The names of LoRAs and VAE as the sweep has them, by fingerprint.
    let files: [String: String]
    let key: Key

    /// What of it decides pixels.
    struct Key: Hashable, Sendable {
        let fingerprint: String
        let options: RenderOptions
        let size: ImageSize
        let sampler: SamplerName
        let steps: Int
        let seed: UInt64
    }
}

/// A prompt and a negative prompt in a style.
struct GridText: Sendable {
    let prompt: String
    let negativePrompt: String
    let style: String
    let composedPrompt: String
    let composedNegativePrompt: String

    init(prompt: String, negativePrompt: String, style: Style) {
        self.prompt = prompt
        self.negativePrompt = negativePrompt
        self.style = style.name
        composedPrompt = style.compose(prompt: prompt)
        composedNegativePrompt = style.compose(negativePrompt: negativePrompt)
    }

    /// What of it decides pixels, as bytes: Swift's strings are equal when they look alike, a tokenizer's are not.
    ///
    /// No text contains the separator, U+0000.
    var key: [UInt8] {
        Array(composedPrompt.utf8) + [0] + Array(composedNegativePrompt.utf8)
    }
}
