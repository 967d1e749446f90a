"""English sentences for the speech generator: a small grammar of our own, and free lines.

The split is by sentence: what `held_out` answers True for is never trained on.
"""

import hashlib
import itertools
import random


def _items(text: str) -> list[str]:
    return text.strip().replace("\n", "").split("|")


_WHO = _items("""
the baker|my older brother|a patient farmer|our new neighbour|the museum guide|
her best friend|the young pilot|a famous poet|Bob|Emma|Philip|Vivian|the bus driver|
my aunt Mabel|the chemist|a puppy|the whole family|every member of the club|the blue whale|
Joyce|a clumsy waiter|the mayor|both twins|the woman upstairs|Peter|a shy violinist|
the chief of police|Thomas|the goalkeeper|his grandmother""")
_DID = _items("""
bought|painted|measured|forgot|borrowed|polished|photographed|found|carried|dropped|wrapped|
described|moved|mixed|shipped|opened|watched|picked up|threw away|weighed|fixed|brought back|
hid|swept away|asked about|put down|laughed at|gave up|showed off|made""")
_WHAT = _items("""
a purple umbrella|the heavy piano|fifty paper boats|some very ripe plums|the missing pages|
a bowl of thick soup|five silver spoons|the old map|a bottle of vinegar|three wooden chairs|
the fresh bread|a bunch of violets|the broken vase|his favourite jumper|a box of matches|
the garden gate|an enormous pumpkin|both of the windows|a pair of leather boots|
the village bell|much more than a thimble of butter|a wobbly ladder|the birthday cake|
two cups of mint tea|an empty envelope|the yellow kite|a cheap radio|
the biggest fish in the shop|a choir of robots|the oil lamp""")
_WHEN = _items("""
before breakfast|on a rainy Thursday|while the moon was full|after the match|without a word|
in the middle of the bridge|during the long voyage|above the coffee shop|from time to time|
at half past five|beside the frozen river|for the very first time|as usual|in Vienna|
with both hands|because nobody else would|once the music stopped|near the beach|
far too early|between two meetings|under the apple tree|behind the theatre|
whenever it pleased them|in about a month""")
_OPEN = _items("""
I believe that|You may have heard that|Please remember that|It is true that|Nobody knew why|
Perhaps|They say that|Imagine that|We were told that|Oh,|Well,|Surely|""")
_ASK = _items("""
Who|Why do you think|Did you know that|Would you believe that""")

_FREE = _items("""
Good morning, and welcome to the show.|How much wood would you move for a bag of beans?|
Thank you very much for waiting.|I am so happy to see you again.|
Could you open the window, please?|My mother makes the most marvellous marmalade.|
Five brave fishermen fought the fierce wave.|
The quick wind whipped around the old white house.|
She sells very few shells, but she sells them well.|What a beautiful evening it has been.|
Nothing ever happens here before nine o'clock.|
Put the blue pepper pot by the big brown bowl.|
He thought about it for a while, and then he said no.|They chose a cheap church chair.|
You and I owe Ray a yellow lily.|Both bathrooms have the same smooth floor.|
If the judge arrives, join us in the garage.|Give me a moment, I have to find my glasses.|
The train to Oxford leaves from platform five.|Every voice has a shape of its own.|
Mum and Papa put a map above the lamp.|Maybe Bob bumped into Pam by the pump.|
Few have ever found a five-leaf clover.|Whether the weather is warm or cold, we walk.|
No, no, no, that is not what I meant at all.|
One, two, three, four, five, six, seven, eight, nine, ten.|
Eleven, twelve, thirteen, fourteen, fifty, a hundred.|Please leave a message after the tone.|
I would love to, but I am afraid I can not.|Stop! Wait for me at the corner.|
Oh my, what an amazing view!|The zoo has a zebra, a lion, and an unusual beaver.|
Her vision of the future was full of pleasure.|Who put the wool on the roof?|
Let us go to the beach and look at the boats.|It costs about a pound a metre.|
We hope to hear from you soon.|The chef shaved thin shavings of cheese.|
Wow, you are up early.|A proper cup of coffee in a copper coffee pot.|
Six thick thistle sticks stood in the south.|Mommy bought me a pretty purple pony.|
Are you sure about that?|He lives above a very famous barber.|
Remember to breathe, and smile at somebody.|Yes.|No.|Maybe.|Hello there!|
Goodbye, and have a lovely week.|How are you feeling today?|
I feel wonderful, thanks for asking.|That is exactly what I hoped to hear.|
Open wide and say ah.|You blew the whole fuse, you fool.|
Amber, ebb, hobby, happy, mummy, puppet.|Move over, Arthur; I am about to fall off.|
The ape ate a grape, and the elf ate an apple.|
My thumb hurts, my thigh aches, and my ear itches.|
A big fat cat sat on Pat's hat and that was that.|
Blow up the balloon, pop it, and bring me the pump.|
The wave of warm water moved over my feet.|Vera waved from the van, Frank from the ferry.|
Purple people rarely mumble.|Please be patient with me.""")


def all_sentences(count: int, seed: int = 0) -> list[str]:
    """`count` different sentences; the same for the same seed."""
    rng = random.Random(seed)
    lines = list(_FREE)
    seen = set(lines)
    for _ in itertools.count():
        if len(lines) >= count:
            return lines[:count]
        line = _compose(rng)
        if line not in seen:
            seen.add(line)
            lines.append(line)
    raise AssertionError("itertools.count ends never")


def held_out(sentence: str) -> bool:
    """Whether a sentence belongs to the test part (an eighth of them, by hash)."""
    return hashlib.sha256(sentence.encode()).digest()[0] % 8 == 0


def _compose(rng: random.Random) -> str:
    who, did, what, when = (rng.choice(words) for words in (_WHO, _DID, _WHAT, _WHEN))
    form = rng.random()
    if form < 0.15:
        line = f"{rng.choice(_ASK)} {did} {what} {when}?"
        if not line.startswith("Who"):
            line = line.replace(f" {did}", f" {who} {did}", 1)
    elif form < 0.4:
        line = f"{when}, {who} {did} {what}."
    elif form < 0.65:
        line = f"{rng.choice(_OPEN)} {who} {did} {what} {when}."
    elif form < 0.8:
        line = f"{who} {did} {what}, and {rng.choice(_WHO)} {rng.choice(_DID)} {rng.choice(_WHAT)}."
    else:
        line = f"{who} {did} {what} {when}."
    line = line.strip()
    return line[0].upper() + line[1:]
