package import Foundation

/// A sweep as its author wrote it, read and checked: one list of values per axis.
///
/// Values stand in the author's order and may repeat; what repeats is shown twice and rendered once.
package struct Sweep: Equatable, Sendable {
    package var name: String
    /// The sweep file as it was read, byte for byte; empty for a sweep that was not read from a file.
    package var source: String
    /// Names or paths, as the file has them.
    package var models: [String]
    /// Every combination of what the file sets beyond the common axes; files are named as it names them.
    package var options: [RenderOptions]
    package var sizes: [ImageSize]
    package var samplers: [SamplerName]
    package var steps: [Int]
    package var seeds: [UInt64]
    package var negativePrompts: [String]
    package var prompts: [String]
    package var styles: [Style]
    /// Guidance scales, exact.
    package var guidance: [Decimal]
    /// The most cells that are granted together.
    package var shardSize: Int
    /// What shows images before they are finished, as the file names it.
    package var preview: String?

    package init(
        name: String, source: String = "", models: [String], options: [RenderOptions] = [.init()], sizes: [ImageSize],
        samplers: [SamplerName] = [Sweep.defaultSampler], steps: [Int] = [Sweep.defaultSteps],
        seeds: [UInt64] = [Sweep.defaultSeed], negativePrompts: [String] = [""], prompts: [String],
        styles: [Style] = [.none], guidance: [Decimal] = [Sweep.defaultGuidance],
        shardSize: Int = Sweep.defaultShardSize, preview: String? = nil
    ) {
        self.name = name
        self.source = source
        self.models = models
        self.options = options
        self.sizes = sizes
        self.samplers = samplers
        self.steps = steps
        self.seeds = seeds
        self.negativePrompts = negativePrompts
        self.prompts = prompts
        self.styles = styles
        self.guidance = guidance
        self.shardSize = shardSize
        self.preview = preview
    }
}

extension Sweep {
    package static let defaultSampler = SamplerName.dpmpp2mKarras
    /// What a schedule that is given alone belongs to.
    static let defaultScheduledSampler = SamplerName.dpmpp2m
    package static let defaultSteps = 20
    package static let defaultSeed: UInt64 = 0
    /// The guidance scale of Stable Diffusion 1.x's own reference pipeline.
    package static let defaultGuidance = Decimal(sign: .plus, exponent: -1, significand: 75)
    /// Enough cells to share the text and the first UNet evaluation, few enough that hosts finish together.
    package static let defaultShardSize = 7

    package static let stepsBounds = 1...1000
    package static let guidanceBounds = 0...1000
    package static let shardSizeBounds = 1...WireLimits.grantedCells

    /// Longest sweep or style file.
    package static let maximumFileBytes = 16 << 20
    /// Most positions of a grid.
    package static let maximumPositions = 10_000_000
    /// Longest prompt or negative prompt in UTF-8, as written and as composed; text encoders see far less.
    package static let maximumTextBytes = 8 << 10
    /// Longest name of a sweep or a style in UTF-8.
    package static let maximumNameBytes = 200
    /// Longest name or path of a model in UTF-8.
    package static let maximumPathBytes = 4 << 10

    /// Refuses texts that are too long or hold control characters other than line feeds and tabs.
    static func check(_ text: String, key: String, limit: Int) throws(SweepProblem) {
        guard text.utf8.count <= limit else {
            throw .textTooLong(key: key, bytes: text.utf8.count, limit: limit)
        }
        let isAllowed = { (scalar: Unicode.Scalar) in
            scalar == "\n" || scalar == "\t" || scalar.properties.generalCategory != .control
        }
        if let scalar = text.unicodeScalars.first(where: { !isAllowed($0) }) {
            throw .controlCharacterInText(key: key, scalar.value)
        }
    }

    /// Number of points of the grid.
    ///
    /// - Throws: ``SweepProblem/empty(key:)`` for an axis without values, and
    ///   ``SweepProblem/tooManyPositions(atLeast:limit:)`` above ``maximumPositions``.
    package func positionCount() throws(SweepProblem) -> Int {
        let lengths: [(key: Key, length: Int)] = [
            (.model, models.count), (.size, sizes.count), (.sampler, samplers.count), (.steps, steps.count),
            (.seed, seeds.count), (.negativePrompt, negativePrompts.count), (.prompts, prompts.count),
            (.styles, styles.count), (.guidance, guidance.count),
        ]
        var count = options.count
        for (key, length) in lengths {
            guard length > 0 else { throw .empty(key: key.rawValue) }
            let (product, overflow) = count.multipliedReportingOverflow(by: length)
            count = overflow ? .max : product
        }
        guard count <= Self.maximumPositions else {
            throw .tooManyPositions(atLeast: count, limit: Self.maximumPositions)
        }
        return count
    }
}
