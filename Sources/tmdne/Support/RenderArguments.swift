import ArgumentParser
import Foundation
import SharedModel

/// The options of a single image that a sweep file has keys for; names and values are the same.
struct RenderArguments: ParsableArguments {
    @Option(help: "Whose pictures are to come out: \(names(of: RenderProfile.self)).")
    var profile: RenderProfile?

    @Option(help: "How signs in prompts are read: \(names(of: PromptSyntax.self)).")
    var promptSyntax: PromptSyntax?

    @Option(help: "What weights of words do: \(names(of: Emphasis.self)).")
    var emphasis: Emphasis?

    @Option(help: "Layer of the text encoder to take, counted from the end; 1 is the last.")
    var clipSkip: Int?

    @Option(help: "How noise levels are laid out: \(names(of: ScheduleName.self)); or a suffix of --sampler.")
    var schedule: ScheduleName?

    @Option(help: "How timesteps are chosen: \(names(of: TimestepSpacing.self)).")
    var timestepSpacing: TimestepSpacing?

    @Option(help: "Which timestep the UNet is told between trained ones: \(names(of: TimestepRounding.self)).")
    var timestepRounding: TimestepRounding?

    @Option(help: "How much fresh noise a sampler adds, 0 to 1.")
    var eta: String?

    @Option(help: "What the UNet predicts: \(names(of: PredictionType.self)).")
    var predictionType: PredictionType?

    @Option(help: "Whether noise levels are stretched to end in pure noise: true or false.")
    var zeroTerminalSnr: Bool?

    @Option(help: "How far the contrast of guided predictions is brought back, 0 to 1.")
    var guidanceRescale: String?

    @Option(help: "Noise levels at which guidance acts, such as 0.28-5.42.")
    var guidanceInterval: String?

    @Option(help: "What SDXL is given for an empty negative prompt: \(names(of: EmptyNegative.self)).")
    var emptyNegative: EmptyNegative?

    @Option(help: "A LoRA to merge, NAME:WEIGHT; may be repeated.")
    var lora: [String] = []

    @Option(help: "Another VAE than the model's.")
    var vae: String?

    @Option(help: "Where random numbers come from: \(names(of: NoiseSource.self)).")
    var noiseSource: NoiseSource?

    @Option(help: "How pixels become 8-bit numbers: \(names(of: PixelRounding.self)).")
    var pixelRounding: PixelRounding?

    /// The options, with files named as they were typed.
    ///
    /// - Throws: A ``SweepProblem`` in the words of the sweep file's keys.
    func options() throws(SweepProblem) -> RenderOptions {
        var options = RenderOptions()
        options.profile = profile
        options.promptSyntax = promptSyntax
        options.emphasis = emphasis
        if let clipSkip {
            try Self.check(
                ExactNumber("\(clipSkip)", key: "clip-skip").decimal, RenderOptions.clipSkipBounds, "clip-skip")
            options.clipSkip = clipSkip
        }
        options.timestepSpacing = timestepSpacing
        options.timestepRounding = timestepRounding
        options.eta = try Self.share(eta, "eta")
        options.predictionType = predictionType
        options.zeroTerminalSNR = zeroTerminalSnr
        options.guidanceRescale = try Self.share(guidanceRescale, "guidance-rescale")
        if let guidanceInterval { options.guidanceInterval = try GuidanceInterval(guidanceInterval) }
        options.emptyNegative = emptyNegative
        guard lora.count <= RenderOptions.maximumLoRAs else {
            throw .tooManyLoRAs(lora.count, limit: RenderOptions.maximumLoRAs)
        }
        var loras: [RenderOptions.LoRA] = []
        for text in lora { loras.append(try RenderOptions.LoRA(text)) }
        options.loras = loras.isEmpty ? nil : loras
        options.vae = vae
        options.noiseSource = noiseSource
        options.pixelRounding = pixelRounding
        return options
    }

    private static func share(_ text: String?, _ key: String) throws(SweepProblem) -> Decimal? {
        guard let text else { return nil }
        let share = try ExactNumber(text, key: key).decimal
        try check(share, 0...1, key)
        return share
    }

    private static func check(_ value: Decimal, _ bounds: ClosedRange<Int>, _ key: String) throws(SweepProblem) {
        guard value >= Decimal(bounds.lowerBound), value <= Decimal(bounds.upperBound) else {
            throw .outOfBounds(
                key: key, value.canonicalText, lower: "\(bounds.lowerBound)", upper: "\(bounds.upperBound)")
        }
    }

    private static func names<Choice: CaseIterable & RawRepresentable>(of type: Choice.Type) -> String
    where Choice.RawValue == String {
        Choice.allCases.map(\.rawValue).joined(separator: ", ")
    }
}

extension RenderProfile: ExpressibleByArgument {}
extension PromptSyntax: ExpressibleByArgument {}
extension Emphasis: ExpressibleByArgument {}
extension ScheduleName: ExpressibleByArgument {}
extension TimestepSpacing: ExpressibleByArgument {}
extension TimestepRounding: ExpressibleByArgument {}
extension PredictionType: ExpressibleByArgument {}
extension EmptyNegative: ExpressibleByArgument {}
extension NoiseSource: ExpressibleByArgument {}
extension PixelRounding: ExpressibleByArgument {}
