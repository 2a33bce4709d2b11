"""AWS's public prices, US East (N. Virginia), on demand, USD, without the free tier. https://aws.amazon.com/SERVICE/pricing/

Months are CloudWatch's own of 30 days for alarms and metrics, which it prorates by the hour.
"""

PRICES_OF = "2026-11-22"
MILLION = 1e6
MONTH_HOURS = 720

# lambda
REQUEST = 0.20 / MILLION
GB_SECOND = 0.0000133334  # arm64; INIT is billed since 2025-08-01
# dynamodb
WRITE_UNIT = 0.625 / MILLION
READ_UNIT = 0.125 / MILLION
# cloudwatch
LOG_GB = 0.50
INFREQUENT_LOG_GB = 0.25
METRIC_MONTH = 0.30
ALARM_MONTH = 0.10  # for each metric that it looks at
COMPOSITE_ALARM_MONTH = 0.50
METRIC_READ = 0.01 / 1000
# api-gateway
CONNECTION_MINUTE = 0.25 / MILLION
MESSAGE = 1.00 / MILLION
# sqs
QUEUE_REQUEST = 0.40 / MILLION
# eventbridge
SCHEDULE = 1.00 / MILLION
EVENT = 1.00 / MILLION  # put on a bus, up to 64 KB
