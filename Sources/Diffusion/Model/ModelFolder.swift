import Foundation

/// A Stable Diffusion model in the folder layout of diffusers.
///
/// Opening one reads the configs only, so that a wrong path or an unsupported model is told at once.
package struct ModelFolder: ModelFiles {
    package let path: String
    package let config: ModelConfig
    private let layout: Layout

    /// Opens the model at `path`.
    ///
    /// - Throws: ``DiffusionError`` when a file is missing, the configs contradict one another or ask for what is not
    ///   supported.
    package init(path: String) throws(DiffusionError) {
        let index = "\(path)/model_index.json"
        guard FileManager.default.fileExists(atPath: index) else {
            throw .missingFile(path: index, remedy: "give the path of a model folder in diffusers' layout")
        }
        let file = try ConfigFile(path: index)
        let layout = try Layout(file, path: path)
        self.path = path
        self.layout = layout
        var encoders: [TextEncoderConfig] = []
        for part in layout.textEncoders {
            try encoders.append(
                TextEncoderConfig(
                    path: "\(path)/\(part)/config.json", hasProjection: part == Layout.projectingEncoder,
                    isPenultimate: layout == .two))
        }
        config = ModelConfig(
            textEncoders: encoders, unet: try UNetConfig(path: "\(path)/unet/config.json"),
            vae: try VAEConfig(path: "\(path)/vae/config.json"),
            scheduler: try SchedulerConfig(path: "\(path)/scheduler/scheduler_config.json"),
            zeroesEmptyPrompt: layout == .two ? try file.bool("force_zeros_for_empty_prompt", default: true) : false)
        for part in layout.textEncoders + ["unet", "vae"] { _ = try WeightFiles.paths(in: "\(path)/\(part)") }
        for part in layout.tokenizers { _ = try TokenizerFiles.Layout(folder: "\(path)/\(part)") }
        try config.checkAgreement(path: "\(path)/unet/config.json")
    }

    package func tokenizers() throws(DiffusionError) -> [CLIPTokenizer] {
        var tokenizers: [CLIPTokenizer] = []
        for (part, encoder) in zip(layout.tokenizers, config.textEncoders) {
            try tokenizers.append(
                CLIPTokenizer(
                    folder: "\(path)/\(part)", contextLength: encoder.positionCount,
                    vocabularySize: encoder.vocabularySize))
        }
        return tokenizers
    }

    package func textEncoderWeights() throws(DiffusionError) -> [WeightSource] {
        var sources: [WeightSource] = []
        for part in layout.textEncoders { try sources.append(WeightSource(part: "\(path)/\(part)")) }
        return sources
    }

    package func unetWeights() throws(DiffusionError) -> WeightSource {
        try WeightSource(part: "\(path)/unet")
    }

    package func vaeWeights() throws(DiffusionError) -> WeightSource {
        try WeightSource(part: "\(path)/vae")
    }
}

extension ModelFolder {
    /// How many text encoders the folder holds.
    private enum Layout {
        case one
        case two

        static let projectingEncoder = "text_encoder_2"

        var textEncoders: [String] { self == .one ? ["text_encoder"] : ["text_encoder", Self.projectingEncoder] }
        var tokenizers: [String] { self == .one ? ["tokenizer"] : ["tokenizer", "tokenizer_2"] }

        /// The pipelines whose parts make pictures of texts, whatever the class in the index adds to that.
        private static let known: [String: Layout] = [
            "LatentConsistencyModelPipeline": .one,
            "StableDiffusionImg2ImgPipeline": .one,
            "StableDiffusionPipeline": .one,
            "StableDiffusionXLImg2ImgPipeline": .two,
            "StableDiffusionXLPipeline": .two,
        ]

        init(_ index: ConfigFile, path: String) throws(DiffusionError) {
            let key = "_class_name"
            guard let name = try index.string(key) else {
                self = .one
                return
            }
            guard let layout = Self.known[name] else {
                if let model = UnsupportedModel(pipelineClass: name) { throw .unsupportedModel(path: path, model) }
                let known = Self.known.keys.sorted().joined(separator: ", ")
                throw index.invalid(key, "is \"\(name)\", but only \(known) are supported")
            }
            // SDXL's refiner has its second encoder alone.
            if layout == .two, index.isListOfNulls("text_encoder") || !index.has("text_encoder") {
                throw .unsupportedModel(path: path, .refiner)
            }
            self = layout
        }
    }
}
