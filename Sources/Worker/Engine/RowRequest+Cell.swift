import Diffusion
import Foundation
import SharedModel

extension RowRequest {
    /// What Diffusion is asked for cells that differ in guidance alone.
    ///
    /// - Returns: `nil` for an empty row, and where the modules' vocabularies differ, which a test forbids.
    init?(_ row: [GrantedCell]) {
        guard let cell = row.first?.cell, let sampler = SamplerSettings(cell),
            let options = RowOptions(cell.options)
        else { return nil }
        self.init(
            prompt: cell.prompt, negativePrompt: cell.negativePrompt,
            guidances: row.map { $0.cell.guidance.nearestDouble }, seed: cell.seed, steps: cell.steps,
            sampler: sampler, width: cell.width, height: cell.height, options: options)
    }
}

extension SamplerSettings {
    fileprivate init?(_ cell: Cell) {
        let options = cell.options
        guard let kind = SamplerKind(rawValue: cell.sampler.method.rawValue),
            let convention = SamplingConvention(rawValue: (options.profile ?? .diffusers).rawValue)
        else { return nil }
        self.init(
            kind, layout: cell.sampler.schedule.flatMap { NoiseLayout(rawValue: $0.rawValue) },
            convention: convention,
            spacing: options.timestepSpacing.flatMap { SchedulerConfig.TimestepSpacing(rawValue: $0.rawValue) },
            roundsTimesteps: options.timestepRounding.map { $0 == .rounded }, eta: options.eta?.nearestDouble)
    }
}

extension RowOptions {
    fileprivate init?(_ options: RenderOptions) {
        let profile = options.profile ?? .diffusers
        let noise = options.noiseSource ?? profile.noiseSource
        guard let dialect = PromptDialect(rawValue: (options.promptSyntax ?? profile.promptSyntax).rawValue),
            let noiseSource = Diffusion.NoiseSource(rawValue: noise.rawValue)
        else { return nil }
        self.init()
        self.dialect = dialect
        emphasis = options.emphasis.flatMap { EmphasisRule(rawValue: $0.rawValue) }
        clipSkip = (options.clipSkip ?? 1) - 1
        encodesEmptyNegative = (options.emptyNegative ?? profile.emptyNegative) == .encoded
        self.noiseSource = noiseSource
        predictionType = options.predictionType.map { type in
            switch type {
            case .epsilon: .epsilon
            case .v: .velocity
            case .sample: .sample
            }
        }
        hasZeroTerminalSNR = options.zeroTerminalSNR
        guidanceRescale = Float(options.guidanceRescale?.nearestDouble ?? 0)
        guidanceInterval = options.guidanceInterval.map { $0.low.nearestDouble...$0.high.nearestDouble }
        roundsPixels = (options.pixelRounding ?? profile.pixelRounding) == .nearest
    }
}

extension Decimal {
    /// By way of the text: the nearest number to what the sweep file says.
    fileprivate var nearestDouble: Double { Double(description) ?? .nan }
}
