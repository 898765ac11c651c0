terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

variable "endpoint" {}
variable "name" {}

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  s3_use_path_style           = true
  endpoints {
    dynamodb = var.endpoint
    firehose = var.endpoint
    iam      = var.endpoint
    kinesis  = var.endpoint
    lambda   = var.endpoint
    logs     = var.endpoint
    pipes    = var.endpoint
    s3       = var.endpoint
    sts      = var.endpoint
  }
}

resource "aws_iam_role" "r" {
  name               = var.name
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }] })
}
resource "aws_s3_bucket" "lake" {
  bucket        = var.name
  force_destroy = true
}
resource "aws_dynamodb_table" "t" {
  name         = var.name
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"
  attribute {
    name = "id"
    type = "S"
  }
  stream_enabled   = true
  stream_view_type = "NEW_AND_OLD_IMAGES"
}
resource "aws_kinesis_stream" "s" {
  name        = var.name
  shard_count = 1
}
resource "aws_cloudwatch_log_group" "g" {
  name              = "/terraform/${var.name}"
  retention_in_days = 7
  tags              = { a = "b" }
}
resource "aws_cloudwatch_log_stream" "gs" {
  name           = "st"
  log_group_name = aws_cloudwatch_log_group.g.name
}
resource "aws_lambda_layer_version" "l" {
  filename            = "fn.zip"
  layer_name          = var.name
  compatible_runtimes = ["python3.12"]
}
resource "aws_lambda_function" "f" {
  function_name    = var.name
  filename         = "fn.zip"
  source_code_hash = filebase64sha256("fn.zip")
  handler          = "index.h"
  runtime          = "python3.12"
  role             = aws_iam_role.r.arn
  timeout          = 10
  memory_size      = 256
  publish          = true
  layers           = [aws_lambda_layer_version.l.arn]
  environment { variables = { ABC = "1" } }
  tags = { a = "b" }
  ephemeral_storage { size = 1024 }
  logging_config {
    log_format            = "JSON"
    log_group             = aws_cloudwatch_log_group.g.name
    application_log_level = "DEBUG"
    system_log_level      = "WARN"
  }
}
resource "aws_lambda_alias" "a" {
  name             = "live"
  function_name    = aws_lambda_function.f.function_name
  function_version = aws_lambda_function.f.version
}
resource "aws_lambda_permission" "p" {
  statement_id  = "s"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.f.function_name
  principal     = "s3.amazonaws.com"
  source_arn    = aws_s3_bucket.lake.arn
}
resource "aws_lambda_function_event_invoke_config" "e" {
  function_name          = aws_lambda_function.f.function_name
  maximum_retry_attempts = 1
}
resource "aws_lambda_event_source_mapping" "m" {
  event_source_arn  = aws_kinesis_stream.s.arn
  function_name     = aws_lambda_function.f.arn
  starting_position = "LATEST"
  batch_size        = 10
  filter_criteria {
    filter { pattern = jsonencode({ data = { a = ["b"] } }) }
  }
}
resource "aws_kinesis_firehose_delivery_stream" "d" {
  name        = var.name
  destination = "extended_s3"
  kinesis_source_configuration {
    kinesis_stream_arn = aws_kinesis_stream.s.arn
    role_arn           = aws_iam_role.r.arn
  }
  extended_s3_configuration {
    role_arn            = aws_iam_role.r.arn
    bucket_arn          = aws_s3_bucket.lake.arn
    prefix              = "raw/!{timestamp:yyyy}/"
    error_output_prefix = "err/!{firehose:error-output-type}/"
    buffering_size      = 5
    buffering_interval  = 60
    cloudwatch_logging_options {
      enabled         = true
      log_group_name  = aws_cloudwatch_log_group.g.name
      log_stream_name = aws_cloudwatch_log_stream.gs.name
    }
    processing_configuration {
      enabled = true
      processors {
        type = "Lambda"
        parameters {
          parameter_name  = "LambdaArn"
          parameter_value = "${aws_lambda_function.f.arn}:$LATEST"
        }
        parameters {
          parameter_name  = "BufferSizeInMBs"
          parameter_value = "0.5"
        }
        parameters {
          parameter_name  = "BufferIntervalInSeconds"
          parameter_value = "20"
        }
      }
    }
  }
  tags = { a = "b" }
}
resource "aws_kinesis_firehose_delivery_stream" "d2" {
  name        = "${var.name}-parts"
  destination = "extended_s3"
  server_side_encryption { enabled = true }
  extended_s3_configuration {
    role_arn            = aws_iam_role.r.arn
    bucket_arn          = aws_s3_bucket.lake.arn
    prefix              = "dp/!{partitionKeyFromQuery:c}/"
    error_output_prefix = "err/!{firehose:error-output-type}/"
    buffering_size      = 64
    dynamic_partitioning_configuration { enabled = true }
    processing_configuration {
      enabled = true
      processors {
        type = "MetadataExtraction"
        parameters {
          parameter_name  = "JsonParsingEngine"
          parameter_value = "JQ-1.6"
        }
        parameters {
          parameter_name  = "MetadataExtractionQuery"
          parameter_value = "{c:.c}"
        }
      }
    }
  }
}
resource "aws_pipes_pipe" "p" {
  name     = var.name
  role_arn = aws_iam_role.r.arn
  source   = aws_dynamodb_table.t.stream_arn
  target   = aws_kinesis_stream.s.arn
  source_parameters {
    dynamodb_stream_parameters {
      starting_position = "LATEST"
      batch_size        = 10
    }
    filter_criteria {
      filter { pattern = jsonencode({ eventName = ["INSERT"] }) }
    }
  }
  target_parameters {
    kinesis_stream_parameters { partition_key = "$.eventID" }
  }
  log_configuration {
    level = "INFO"
    cloudwatch_logs_log_destination { log_group_arn = aws_cloudwatch_log_group.g.arn }
  }
  tags = { a = "b" }
}
