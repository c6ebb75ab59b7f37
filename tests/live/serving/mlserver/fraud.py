"""The smallest MLServer runtime: it says which version answered, and nothing else."""

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Fraud(MLModel):
    async def load(self) -> bool:
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        amount = NumpyCodec.decode_input(payload.inputs[0])
        score = (amount > 100).astype("float64")
        return InferenceResponse(
            model_name=self.name,
            model_version=self.version,
            outputs=[NumpyCodec.encode_output("score", score)],
        )
