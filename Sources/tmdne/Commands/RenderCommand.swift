import ArgumentParser
import Diffusion
import Foundation
import PNG
import SharedModel
import Worker

struct RenderCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "render",
        abstract: "Renders one image here, without a coordinator.",
        discussion: """
            The defaults are those of a sweep file. The image carries its parameters, in the form that A1111 and its \
            relatives read.

            tmdne render --prompt "old man with glasses teaching math at a blackboard" -o image.png
            """)

    @Option(help: "What the image shows.")
    var prompt: String

    @Option(help: "What the image must not show.")
    var negativePrompt = ""

    @Option(help: "A style: \(Style.builtIn.map(\.name).joined(separator: ", ")).")
    var style = Style.none.name

    @Option(help: "Guidance scale; up to 1 means none.")
    var guidance: String = "\(Sweep.defaultGuidance)"

    @Option(help: "Seed of the noise.")
    var seed = Sweep.defaultSeed

    @Option(help: "Number of sampler steps.")
    var steps = Sweep.defaultSteps

    @Option(help: "A sampler: \(SamplerMethod.allCases.map(\.rawValue).joined(separator: ", ")).")
    var sampler = Sweep.defaultSampler

    @Option(help: "Width and height in pixels, such as 512x512; the model's own size unless given.")
    var size: String?

    @Option(help: "A built-in model, or the path of a diffusers folder or a .safetensors file.")
    var model = "tmdne-tiny"

    @Option(help: PrecisionChoice.help)
    var precision = PrecisionChoice.auto

    @Option(help: "Memory that rendering may take, such as 12G; auto, unless given: all that this process may have.")
    var memory: MemorySize?

    @OptionGroup(title: "What differs between programs and models")
    var arguments: RenderArguments

    @Option(name: .shortAndLong, help: "Where to write the PNG.")
    var output: String

    func run() throws {
        let settings = try settings()
        let locator = ModelLocator()
        let path = try locator.locate(model)
        let files = try ModelOpener.open(path)
        let fingerprint = try ModelFingerprint.compute(of: path)
        let size = try settings.size ?? Self.nativeSize(of: files.config)
        let style = settings.style
        let sampler = settings.sampler
        let (options, names) = try settings.options.resolved(for: sampler) { file, _ in
            try ModelFingerprint.compute(of: try locator.locate(file))
        }
        let cell = Cell(
            fingerprint: fingerprint, guidance: settings.guidance, height: size.height,
            negativePrompt: style.compose(negativePrompt: negativePrompt), options: options,
            prompt: style.compose(prompt: prompt), sampler: sampler, seed: seed, steps: steps, width: size.width)
        let granted = GrantedCell(
            key: cell.key, cell: cell, position: 0, rawPrompt: prompt, rawNegativePrompt: negativePrompt,
            style: style.name, files: names)
        var truncation = TruncationReport(tokenizer: try files.tokenizers()[0])
        truncation.add(cell)
        truncation.sentences.forEach(Console.note)
        let engine = DiffusionEngine(
            device: try CPUDevice(precision: precision.precision), memoryBudget: (memory ?? .auto).bytes,
            findFile: { name, _ in try locator.locate(name) }, findModel: { _, _ in files })
        try engine.prepare(model: model, for: granted)
        try engine.render([granted], progress: { _ in true }) { image in
            let picture = try PNGImage(width: image.width, height: image.height, pixels: image.pixels)
            let metadata = ImageMetadata(
                granted, model: model, sweep: "", device: engine.device, precision: engine.precision)
            try write(Data(try picture.encode(texts: metadata.pngTexts)))
        }
        Console.print(output)
    }

    /// The options whose values are looked up; what is wrong with them is wrong usage.
    private struct Settings {
        let style: Style
        let guidance: Decimal
        /// As wanted; `nil` for the model's own.
        let size: ImageSize?
        let sampler: SamplerName
        let options: RenderOptions
    }

    private func settings() throws -> Settings {
        do throws(SweepProblem) {
            let style = try StyleLibrary().style(named: style)
            let guidance = try ExactNumber(guidance, key: "guidance").decimal
            guard guidance >= Decimal(Sweep.guidanceBounds.lowerBound),
                guidance <= Decimal(Sweep.guidanceBounds.upperBound)
            else {
                throw .outOfBounds(
                    key: "guidance", self.guidance, lower: "\(Sweep.guidanceBounds.lowerBound)",
                    upper: "\(Sweep.guidanceBounds.upperBound)")
            }
            var wanted: ImageSize?
            if let size { wanted = try ImageSize(size) }
            return Settings(
                style: style, guidance: guidance, size: wanted,
                sampler: try arguments.schedule.map { schedule throws(SweepProblem) in try sampler.with(schedule) }
                    ?? sampler,
                options: try arguments.options())
        } catch {
            throw ValidationError("\(error)")
        }
    }

    func validate() throws {
        guard Sweep.stepsBounds.contains(steps) else {
            throw ValidationError(
                "--steps \(steps) is not possible; choose between \(Sweep.stepsBounds.lowerBound) and "
                    + "\(Sweep.stepsBounds.upperBound).")
        }
        guard !output.isEmpty else { throw ValidationError("--output is empty; name the PNG file to write.") }
    }

    private func write(_ png: Data) throws {
        do {
            try png.write(to: URL(filePath: output), options: .atomic)
        } catch let error as CocoaError {
            let reason = (error.underlying as? POSIXError)?.localizedDescription ?? error.localizedDescription
            throw UnwritableFile(path: output, reason: reason)
        }
    }

    private struct UnwritableFile: Error, CustomStringConvertible {
        let path: String
        let reason: String

        var description: String { "\(path) cannot be written: \(reason); choose another --output." }
    }

    /// The size that the model was trained at, 512x512 if it does not tell.
    private static func nativeSize(of config: ModelConfig) throws -> ImageSize {
        let sides = config.unet.sampleSize ?? [64, 64]
        return try ImageSize("\(sides[1] * config.vae.upscaling)x\(sides[0] * config.vae.upscaling)")
    }
}

extension SamplerName: ExpressibleByArgument {}
