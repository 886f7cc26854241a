<?php

declare(strict_types=1);

// A PHP-FPM application for the tests: what it does is in the query.
//   do=get&url=…            sends one request; prints the worker's pid, the body and the facts that matter
//   do=burn&url=…           reads a large answer and burns its time until the time limit ends it
//   do=stop&url=…&bytes=N   writes HELLO and a REQUEST on the kept socket, reads N bytes, and dies; N < 0: reads all there is

use Hawser\Client;
use Hawser\Internal\Wire\Codecs;
use Hawser\Internal\Wire\FrameEncoder;

require __DIR__ . '/../../../../php-client/vendor/autoload.php';

$url = (string) ($_GET['url'] ?? '');

switch ($_GET['do'] ?? '') {
    case 'get':
        $response = (new Client())->request('GET', $url);
        echo json_encode([
            'pid' => getmypid(),
            'body' => $response->body(),
            'session' => $response->facts()?->session,
        ], JSON_THROW_ON_ERROR);
        break;

    case 'burn':
        $response = (new Client())->request('GET', $url, ['stream' => true]);
        echo getmypid(), "\n";
        // Only now: what the client knows of the limit when it sends, it keeps as its own deadline.
        set_time_limit(1);
        // The limit counts processor time: reading alone would wait, not burn.
        while ($response->read(1000) !== '') {
            for ($until = hrtime(true) + 2_000_000; hrtime(true) < $until;);
        }
        echo 'read to the end';
        break;

    case 'stop':
        $stream = pfsockopen('unix://' . $_SERVER['HAWSER_SOCKET'], -1);
        stream_set_read_buffer($stream, 0);
        $encoder = new FrameEncoder(Codecs::default());
        fwrite($stream, $encoder->hello(random_bytes(16), 262_144, 'stop') . $encoder->request(1, true, 5000, 'GET', $url, [], null));
        $wanted = (int) $_GET['bytes'];
        $bytes = '';
        while ($wanted < 0 ? !str_contains($bytes, 'hello') : strlen($bytes) < $wanted) {
            $bytes .= fread($stream, $wanted < 0 ? 65_536 : $wanted - strlen($bytes));
        }
        if ($wanted < 0) {
            echo strlen($bytes);
        }
        exit(1);

}
