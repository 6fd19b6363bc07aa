import Diffusion
import SharedModel

/// What `model inspect` says of a model.
struct ModelReport: Encodable {
    struct Part: Encodable {
        var name: String
        var parameters: Int
        var types: [String]
        /// Size of the weights in the file.
        var bytes: Int
    }

    var path: String
    /// `diffusers folder` or `single file`.
    var form: String
    var family: String
    var prediction: String
    var fingerprint: String
    /// Size of the pictures that the model was trained with, if it tells.
    var size: String?
    var parts: [Part]
    /// What rendering takes at ``memorySize``, in bytes; `nil` without an autoencoder.
    var memory: Int?
    /// The same with weights that are read whenever they are needed, which is slower.
    var leastMemory: Int?
    var memorySize: String

    /// Reads configs and tensors' headers, and checks that they belong together.
    ///
    /// - Parameters:
    ///   - path: of the model.
    ///   - fingerprint: of its files.
    ///   - size: what to tell the memory for; the model's own size unless given.
    /// - Throws: ``DiffusionError`` when files are missing or damaged, or a tensor is not what the configs ask for.
    init(path: String, fingerprint: String, size: ImageSize?) throws {
        let model = try ModelOpener.open(path)
        let config = model.config
        self.path = path
        self.fingerprint = fingerprint
        form = model is Checkpoint ? "single file" : "diffusers folder"
        family = config.family.rawValue
        prediction = config.scheduler.predictionType.rawValue
        let own = config.unet.sampleSize.map { ($0[1] * config.vae.upscaling, $0[0] * config.vae.upscaling) }
        self.size = own.map { "\($0)x\($1)" }
        let (width, height) = size.map { ($0.width, $0.height) } ?? own ?? (512, 512)
        memorySize = "\(width)x\(height)"
        let encoders = try model.textEncoderWeights()
        let names = encoders.count == 1 ? ["text encoder"] : encoders.indices.map { "text encoder \($0 + 1)" }
        var sources = Array(zip(names, encoders)) + [("UNet", try model.unetWeights())]
        // A checkpoint without one is a model all the same.
        if let vae = try? model.vaeWeights() {
            sources.append(("VAE", vae))
            let need = try model.memory(width: width, height: height)
            (memory, leastMemory) = (need.total, need.least)
        }
        parts = sources.map { name, source in
            let inventory = source.inventory
            return Part(
                name: name, parameters: inventory.parameters, types: inventory.types, bytes: inventory.bytes)
        }
    }

    var lines: [String] {
        var lines = [path, "  \(family) in a \(form), predicts \(prediction)"]
        if let size { lines.append("  trained at \(size)") }
        for part in parts {
            lines.append(
                "  \(part.name): \(part.parameters) parameters, \(part.types.joined(separator: " and ")), "
                    + "\(part.bytes >> 20) MiB")
        }
        if let memory, let leastMemory {
            lines.append("  takes \(memory >> 20) MiB to render \(memorySize), at least \(leastMemory >> 20) MiB")
        } else {
            lines.append("  no VAE: name the file of one under vae:")
        }
        lines.append("  fingerprint \(fingerprint)")
        return lines
    }
}
