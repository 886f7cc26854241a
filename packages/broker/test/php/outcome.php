<?php

declare(strict_types=1);

// Sends one request and prints its outcome as JSON: the response, or the exception with all that it says.
// Standard input: JSON with method, url, and the options of Client::request.

use Hawser\Exception\HawserException;

require __DIR__ . '/../../../../php-client/vendor/autoload.php';

/** @var array{method: string, url: string, options: array<string, mixed>} $request */
$request = json_decode((string) stream_get_contents(STDIN), true, 16, JSON_THROW_ON_ERROR);
$startedAt = hrtime(true);
try {
    $response = (new Hawser\Client())->request($request['method'], $request['url'], $request['options']);
    $outcome = ['status' => $response->status(), 'bodyBytes' => strlen($response->body())];
} catch (HawserException $error) {
    $outcome = [
        'exception' => $error::class,
        'name' => $error->errorName(),
        'number' => $error->errorNumber(),
        'processed' => $error->processed(),
        'source' => $error->source(),
        'message' => $error->getMessage(),
    ];
}
$outcome['elapsedMs'] = (hrtime(true) - $startedAt) / 1e6;
echo json_encode($outcome, JSON_THROW_ON_ERROR | JSON_INVALID_UTF8_SUBSTITUTE);
