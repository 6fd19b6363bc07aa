import Diffusion

/// What `model inspect` says of a model.
struct ModelReport: Encodable {
    struct Part: Encodable {
        var name: String
        var parameters: Int
        var types: [String]
    }

    var path: String
    var family: String
    var prediction: String
    var fingerprint: String
    /// Size of the pictures that the model was trained with, if it tells.
    var size: String?
    var parts: [Part]

    /// Reads configs and tensors' headers, and builds nothing.
    ///
    /// - Throws: ``DiffusionError`` when files are missing or damaged.
    init(path: String, fingerprint: String) throws {
        let folder = try ModelFolder(path: path)
        self.path = path
        self.fingerprint = fingerprint
        family = folder.config.family.rawValue
        prediction = folder.config.scheduler.predictionType.rawValue
        size = folder.config.unet.sampleSize.map {
            "\($0[1] * folder.config.vae.upscaling)x\($0[0] * folder.config.vae.upscaling)"
        }
        let encoders = try folder.textEncoderWeights().map { ("text encoder", $0) }
        let sources = encoders + [("UNet", try folder.unetWeights()), ("VAE", try folder.vaeWeights())]
        parts = sources.map { name, source in
            let inventory = source.inventory
            return Part(name: name, parameters: inventory.parameters, types: inventory.types)
        }
    }

    var lines: [String] {
        var lines = [path, "  \(family), predicts \(prediction)"]
        if let size { lines.append("  trained at \(size)") }
        for part in parts {
            lines.append("  \(part.name): \(part.parameters) parameters, \(part.types.joined(separator: " and "))")
        }
        lines.append("  fingerprint \(fingerprint)")
        return lines
    }
}
