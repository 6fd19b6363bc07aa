import Diffusion

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
    /// What rendering one such picture takes, in bytes; not told without a VAE.
    var memory: Int?
    var parts: [Part]

    /// Reads configs and tensors' headers, and builds nothing.
    ///
    /// - Throws: ``DiffusionError`` when files are missing or damaged.
    init(path: String, fingerprint: String) throws {
        let model = try ModelOpener.open(path)
        let config = model.config
        self.path = path
        self.fingerprint = fingerprint
        form = model is Checkpoint ? "single file" : "diffusers folder"
        family = config.family.rawValue
        prediction = config.scheduler.predictionType.rawValue
        size = config.unet.sampleSize.map { "\($0[1] * config.vae.upscaling)x\($0[0] * config.vae.upscaling)" }
        let sides = config.unet.sampleSize ?? [64, 64]
        let scale = config.vae.upscaling
        memory = try? model.memory(width: sides[1] * scale, height: sides[0] * scale).total
        let encoders = try model.textEncoderWeights()
        let names = encoders.count == 1 ? ["text encoder"] : encoders.indices.map { "text encoder \($0 + 1)" }
        var sources = Array(zip(names, encoders)) + [("UNet", try model.unetWeights())]
        // A checkpoint without one is a model all the same.
        if let vae = try? model.vaeWeights() { sources.append(("VAE", vae)) }
        parts = sources.map { name, source in
            let inventory = source.inventory
            return Part(
                name: name, parameters: inventory.parameters, types: inventory.types, bytes: inventory.bytes)
        }
    }

    var lines: [String] {
        var lines = [path, "  \(family) in a \(form), predicts \(prediction)"]
        if let size { lines.append("  trained at \(size)") }
        if let memory { lines.append("  takes \(memory / 1_000_000) MB of memory for a picture of \(size ?? "512x512")") }
        for part in parts {
            lines.append(
                "  \(part.name): \(part.parameters) parameters, \(part.types.joined(separator: " and ")), "
                    + "\(part.bytes >> 20) MiB")
        }
        if !parts.contains(where: { $0.name == "VAE" }) { lines.append("  no VAE: name the file of one under vae:") }
        lines.append("  fingerprint \(fingerprint)")
        return lines
    }
}
