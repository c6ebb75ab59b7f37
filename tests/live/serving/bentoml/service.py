"""The smallest BentoML service, built as `fraud_svc:v5`."""

import bentoml


@bentoml.service(name="fraud_svc", workers=1)
class FraudSvc:
    @bentoml.api
    def predict(self, amount: float) -> float:
        return 1.0 if amount > 100 else 0.0
