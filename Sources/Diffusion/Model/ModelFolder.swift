import Foundation

/// A Stable Diffusion 1.x model in the folder layout of diffusers.
///
/// Opening one reads the configs only, so that a wrong path or an unsupported model is told at once; the weights follow when
/// a network asks for them.
package struct ModelFolder: Sendable {
    /// Where the model is.
    package let path: String
    package let textEncoder: TextEncoderConfig
    package let unet: UNetConfig
    package let vae: VAEConfig
    package let scheduler: SchedulerConfig

    /// Opens the model at `path`.
    ///
    /// - Throws: ``DiffusionError`` when a file is missing, the configs contradict one another or ask for what is not
    ///   supported.
    package init(path: String) throws(DiffusionError) {
        let index = "\(path)/model_index.json"
        guard FileManager.default.fileExists(atPath: index) else {
            throw .missingFile(path: index, remedy: "give the path of a model folder in diffusers' layout")
        }
        try ConfigFile(path: index).require("_class_name", is: "StableDiffusionPipeline")
        self.path = path
        textEncoder = try TextEncoderConfig(path: "\(path)/text_encoder/config.json")
        unet = try UNetConfig(path: "\(path)/unet/config.json")
        vae = try VAEConfig(path: "\(path)/vae/config.json")
        scheduler = try SchedulerConfig(path: "\(path)/scheduler/scheduler_config.json")
        for part in ["text_encoder", "unet", "vae"] { _ = try WeightFiles.paths(in: "\(path)/\(part)") }
        _ = try TokenizerFiles.Layout(folder: "\(path)/tokenizer")
        try checkAgreement()
    }

    /// The parts work on one another's results.
    private func checkAgreement() throws(DiffusionError) {
        let file = "\(path)/unet/config.json"
        for (key, channels) in [("in_channels", unet.inChannels), ("out_channels", unet.outChannels)]
        where channels != vae.latentChannels {
            throw .invalidConfig(
                path: file, key: key,
                problem: "is \(channels), but the VAE's latents have \(vae.latentChannels) channels")
        }
        for width in unet.crossAttentionDims where width != textEncoder.hiddenSize {
            throw .invalidConfig(
                path: file, key: "cross_attention_dim",
                problem: "is \(width), but the text encoder's hidden_size is \(textEncoder.hiddenSize)")
        }
    }

    /// Opens the tokenizer, whose prompts are as long as the text encoder's.
    ///
    /// - Throws: ``DiffusionError`` when a file is missing, damaged, or made for another text encoder.
    package func tokenizer() throws(DiffusionError) -> CLIPTokenizer {
        try CLIPTokenizer(
            folder: "\(path)/tokenizer", contextLength: textEncoder.positionCount,
            vocabularySize: textEncoder.vocabularySize)
    }

    /// Opens the text encoder's weights, scoped so that names begin with `embeddings`, `encoder` or `final_layer_norm`.
    ///
    /// - Throws: ``DiffusionError`` when a file is damaged.
    package func textEncoderWeights() throws(DiffusionError) -> WeightSource {
        try WeightSource(part: "\(path)/text_encoder").scoped(ifPresent: "text_model")
    }

    /// Opens the UNet's weights.
    ///
    /// - Throws: ``DiffusionError`` when a file is damaged.
    package func unetWeights() throws(DiffusionError) -> WeightSource {
        try WeightSource(part: "\(path)/unet")
    }

    /// Opens the weights of the VAE, encoder and decoder.
    ///
    /// - Throws: ``DiffusionError`` when a file is damaged.
    package func vaeWeights() throws(DiffusionError) -> WeightSource {
        try WeightSource(part: "\(path)/vae")
    }
}
