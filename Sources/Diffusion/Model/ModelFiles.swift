/// A model on disk, in whatever files: its shape, and its weights under the names that diffusers gives them.
///
/// Opening one reads configs and headers only; the weights follow when a network asks for them.
package protocol ModelFiles: Sendable {
    /// Where the model is.
    var path: String { get }
    var config: ModelConfig { get }

    /// Opens one tokenizer for each text encoder, whose prompts are as long as the encoder's.
    ///
    /// - Throws: ``DiffusionError`` when a file is missing, damaged, or made for another text encoder.
    func tokenizers() throws(DiffusionError) -> [CLIPTokenizer]
    /// Opens the weights of each text encoder.
    ///
    /// - Throws: ``DiffusionError`` when a file is damaged.
    func textEncoderWeights() throws(DiffusionError) -> [WeightSource]
    /// Opens the UNet's weights.
    ///
    /// - Throws: ``DiffusionError`` when a file is damaged.
    func unetWeights() throws(DiffusionError) -> WeightSource
    /// Opens the weights of the VAE, encoder and decoder.
    ///
    /// - Throws: ``DiffusionError`` when a file is damaged.
    func vaeWeights() throws(DiffusionError) -> WeightSource
}
